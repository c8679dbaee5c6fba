package io.behalf.authority;

import io.behalf.core.delegation.BehalfTask;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What clients may know before they come: RFC 8414, with what OpenID discovery wants for those that look there. */
final class Metadata {
    private static final List<String> ALGORITHMS = List.of("ES256", "RS256", "EdDSA");
    private static final List<String> AUTHENTICATION =
            List.of("private_key_jwt", "client_secret_basic", "client_secret_post");

    private Metadata() {}

    static Map<String, @Nullable Object> of(AuthorityConfig config) {
        String issuer = config.issuer();
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("issuer", issuer);
        out.put("authorization_endpoint", issuer + Approvals.AUTHORIZE);
        out.put("pushed_authorization_request_endpoint", issuer + Approvals.PAR);
        out.put("require_pushed_authorization_requests", true);
        out.put("token_endpoint", issuer + Endpoints.TOKEN);
        out.put("revocation_endpoint", issuer + Endpoints.REVOKE);
        out.put("introspection_endpoint", issuer + Endpoints.INTROSPECT);
        out.put("jwks_uri", issuer + "/oauth/jwks");
        out.put("response_types_supported", List.of("code"));
        out.put("response_modes_supported", List.of("query"));
        out.put(
                "grant_types_supported",
                List.of("authorization_code", "refresh_token", "client_credentials", Endpoints.EXCHANGE));
        out.put("code_challenge_methods_supported", List.of("S256"));
        out.put("authorization_response_iss_parameter_supported", true); // RFC 9207
        out.put("authorization_details_types_supported", List.of(BehalfTask.TYPE));
        out.put("dpop_signing_alg_values_supported", ALGORITHMS);
        for (String endpoint : List.of("token", "revocation", "introspection")) {
            out.put(endpoint + "_endpoint_auth_methods_supported", AUTHENTICATION);
            out.put(endpoint + "_endpoint_auth_signing_alg_values_supported", ALGORITHMS);
        }
        // OpenID discovery asks for these two; no ID tokens are issued
        out.put("subject_types_supported", List.of("public"));
        out.put("id_token_signing_alg_values_supported", List.of("ES256"));
        return out;
    }
}
