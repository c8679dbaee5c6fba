package io.behalf.authority;

import io.behalf.authority.OAuthError.Code;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A provider says that a person has logged out (OpenID Connect Back-Channel Logout 1.0). Their running tasks each get a
 * record of it and go on: whoever wants them to end stops them. Nobody authenticates here, the token alone is the proof.
 */
final class Logouts {
    static final String PATH = "/oauth/backchannel-logout";

    /** The member of {@code events} that makes a token a logout token (§2.4). */
    static final String EVENT = "http://schemas.openid.net/event/backchannel-logout";

    static final int MAX_SID = 255;
    static final int MAX_JTI = 255;

    /** §2.4 recommends the first; providers from before that recommendation say the second, which says nothing. */
    private static final Set<String> TYPES = Set.of("logout+jwt", "jwt");

    private final Parts parts;

    Logouts(Parts parts) {
        this.parts = parts;
    }

    /** §2.5 and §2.8: 200 when it is recorded, 400 when the token is not acceptable. */
    Reply backchannel(Ask ask) {
        return switch (ask.form().required("logout_token").flatMap(this::seen)) {
            case Answer.Ok<Integer> _ -> Reply.nothing(200);
            case Answer.No<Integer>(var error) -> Reply.error(error);
        };
    }

    private Answer<Integer> seen(String token) {
        return parts.providers()
                .stated(token, "logout token")
                .flatMap(this::checked)
                .flatMap(logout -> record(logout, Digests.hex(token)));
    }

    /**
     * Who logged out where.
     *
     * @param subject id as in our tokens; empty where only the session is named
     * @param sid the session; empty where all sessions of the subject have ended
     */
    private record Logout(
            AuthorityConfig.Provider provider,
            Optional<String> subject,
            Optional<String> sid,
            String jti,
            Instant expires) {
        /** How a task's session stands to the ones that ended; empty when it is another one. */
        Optional<String> session(KnownTask task) {
            if (sid.isEmpty()) {
                return Optional.of("all");
            }
            Optional<String> began = task.identity().flatMap(KnownTask.Identity::sid);
            return began.isEmpty()
                    ? Optional.of("unknown")
                    : began.filter(sid.get()::equals).map(_ -> "same");
        }
    }

    /** §2.6, after signature, issuer and times (its steps 1 to 4). */
    private Answer<Logout> checked(Providers.Stated stated) {
        CompactJws token = stated.token();
        Map<String, @Nullable Object> claims = token.claims();
        boolean typed = !token.header().containsKey("typ")
                || token.headerString("typ")
                        .filter(typ -> TYPES.contains(typ.toLowerCase(Locale.ROOT)))
                        .isPresent();
        if (!typed) {
            return no("is a token of another kind", "typ");
        }
        AuthorityConfig.Provider provider = stated.provider();
        if (!Providers.strings(claims.get("aud")).equals(List.of(provider.clientId()))) {
            return no("is for another client", "aud");
        }
        if (!(claims.get("iat") instanceof Number)) {
            return no("does not say when it was made", "iat");
        }
        boolean logout = claims.get("events") instanceof Map<?, ?> events && events.get(EVENT) instanceof Map<?, ?>;
        if (!logout) {
            return no("does not speak of a logout", "events");
        }
        if (claims.containsKey("nonce")) { // or an ID token could pass for one
            return no("has a nonce, which a logout token must not have", "nonce");
        }
        Optional<String> sub = token.claim("sub").filter(s -> !s.isBlank() && s.length() <= Providers.MAX_SUB);
        Optional<String> sid = token.claim("sid").filter(s -> !s.isBlank() && s.length() <= MAX_SID);
        boolean readable = sub.isPresent() == claims.containsKey("sub") && sid.isPresent() == claims.containsKey("sid");
        if (!readable || (sub.isEmpty() && sid.isEmpty())) {
            return no("names neither a person (sub) nor a session (sid)", "sub or sid");
        }
        return token.claim("jti")
                .filter(jti -> !jti.isBlank() && jti.length() <= MAX_JTI)
                .map(jti -> Answer.ok(
                        new Logout(provider, sub.map(s -> provider.name() + ":" + s), sid, jti, stated.expires())))
                .orElseGet(() -> no("has no id", "jti"));
    }

    private Answer<Integer> record(Logout logout, String tokenSha256) {
        List<Lifecycle> records = running(logout).stream()
                .flatMap(task ->
                        logout.session(task).map(session -> record(logout, task, session, tokenSha256)).stream())
                .toList();
        String once = "logout token " + logout.provider().issuer() + " " + logout.jti();
        Instant until = logout.expires().plus(Providers.MAX_SKEW);
        return parts.changes()
                .commit(
                        records,
                        sql -> parts.shelf().firstTime(sql, once, until)
                                ? Answer.ok(records.size())
                                : no("was used before", "replayed jti"));
    }

    private Lifecycle record(Logout logout, KnownTask task, String session, String tokenSha256) {
        Map<String, @Nullable Object> data =
                Map.of("provider", logout.provider().name(), "session", session, "token_sha256", tokenSha256);
        return parts.issuer().record(Event.LOGOUT_SEEN, task, "system", data);
    }

    /** Without those whose first record is not in the ledger yet: nothing may stand before it, and nobody holds them. */
    private List<KnownTask> running(Logout logout) {
        Instant now = parts.now();
        return parts.store().transaction(sql -> logout
                .subject()
                .map(subject -> parts.tasks().under(sql, new RevokeRequest.What.User(subject)))
                .orElseGet(() -> parts.tasks()
                        .ofSession(sql, logout.provider().name(), logout.sid().orElseThrow()))
                .stream()
                .flatMap(id -> parts.tasks().find(sql, id).stream())
                .filter(task -> task.state() == KnownTask.State.ACTIVE)
                .filter(task -> task.over(now).isEmpty())
                .toList());
    }

    private static <T> Answer<T> no(String why, String detail) {
        return Answer.no(Code.INVALID_REQUEST, "The logout token " + why + ".", detail);
    }
}
