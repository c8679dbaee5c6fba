package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.text.ParseException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What the other tests rely on at the provider: whose tokens name the authority, and when a session is over. */
@Tag("keycloak")
@ExtendWith(RealParts.class)
class KeycloakTest {
    private static final String AUTHORITY = "http://127.0.0.1:9999";

    @Test
    void applicationsTokenNamesTheAuthorityAndTheApplication(Keycloak keycloak) throws ParseException {
        var realm = keycloak.realm(AUTHORITY);

        var access = claims(realm.tokens("alice"), "access_token");

        assertThat(access.getIssuer()).isEqualTo(realm.issuer());
        assertThat(access.getAudience()).contains(AUTHORITY);
        assertThat(access.getStringClaim("azp")).isEqualTo(Keycloak.Realm.APPLICATION);
    }

    @Test
    void idTokenIsForTheApplicationAlone(Keycloak keycloak) throws ParseException {
        var id = claims(keycloak.realm(AUTHORITY).tokens("alice"), "id_token");

        assertThat(id.getAudience()).containsExactly(Keycloak.Realm.APPLICATION);
    }

    @Test
    void usersKeepTheirSubjectAndShareNone(Keycloak keycloak) throws ParseException {
        var realm = keycloak.realm(AUTHORITY);

        var alice = claims(realm.tokens("alice"), "access_token").getSubject();

        assertThat(claims(realm.tokens("alice"), "access_token").getSubject()).isEqualTo(alice);
        assertThat(claims(realm.tokens("bob"), "access_token").getSubject()).isNotEqualTo(alice);
    }

    @Test
    void refusesAWrongPassword(Keycloak keycloak) {
        var answer = keycloak.realm(AUTHORITY).login("alice", "guess");

        // RFC 6749 §5.2 gives this code to a grant that does not hold.
        assertThat(answer.body()).contains("invalid_grant");
        assertThat(answer.statusCode()).isEqualTo(400);
    }

    @Test
    void logoutEndsTheSession(Keycloak keycloak) {
        var realm = keycloak.realm(AUTHORITY);
        var tokens = realm.tokens("alice");
        assertThat(realm.sessionLives(tokens)).isTrue();

        realm.logout(tokens);

        assertThat(realm.sessionLives(tokens)).isFalse();
    }

    private static JWTClaimsSet claims(JsonNode tokens, String name) throws ParseException {
        return SignedJWT.parse(tokens.path(name).asText()).getJWTClaimsSet();
    }
}
