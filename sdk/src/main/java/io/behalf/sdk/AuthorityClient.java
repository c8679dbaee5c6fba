package io.behalf.sdk;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One agent at one authority: every way to a delegation, each a method, each with a typed answer. Delegations are bound
 * to the key given here, so whoever sees a token cannot use it. Thread-safe; methods block, at most
 * 20 seconds.
 */
public final class AuthorityClient {

    private static final String EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
    private static final String ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
    private static final String HANDOVER = "urn:behalf:token-type:handover";
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);

    private final String issuer;
    private final AgentCredential credential;
    private final SigningKey key;
    private final TokenEndpoint endpoint;

    /**
     * @param issuer the authority's issuer address, to which its endpoints' paths are appended
     * @param key the agent's proof key; the one of its credential, or one of its own made for this run
     */
    public AuthorityClient(URI issuer, AgentCredential credential, SigningKey key) {
        this(issuer, credential, key, Clock.systemUTC());
    }

    public AuthorityClient(URI issuer, AgentCredential credential, SigningKey key, Clock clock) {
        String text = issuer.toString();
        this.issuer = text.endsWith("/") ? text.substring(0, text.length() - 1) : text;
        this.credential = credential;
        this.key = key;
        HttpClient http = HttpClient.newBuilder()
                .connectTimeout(CONNECT_TIMEOUT)
                .followRedirects(HttpClient.Redirect.NEVER) // credentials go where they were sent and nowhere else
                .build();
        this.endpoint = new TokenEndpoint(this.issuer, credential, key, http, clock);
    }

    public String agent() {
        return credential.agent();
    }

    /** What a provider's token is (RFC 8693 §3). */
    public enum SubjectToken {
        ACCESS_TOKEN("urn:ietf:params:oauth:token-type:access_token"),
        ID_TOKEN("urn:ietf:params:oauth:token-type:id_token");

        private final String urn;

        SubjectToken(String urn) {
            this.urn = urn;
        }
    }

    /** Starts a task with the identity provider's token of its user (RFC 8693): an application's word for it. */
    public Answer<HeldDelegation> start(
            String subjectToken, SubjectToken kind, BehalfTask task, Optional<String> audience) {
        Map<String, String> form = form(EXCHANGE, audience);
        form.put("subject_token", subjectToken);
        form.put("subject_token_type", kind.urn);
        form.put("authorization_details", details(task));
        return token(form);
    }

    /** Starts a task that no person stands behind; the agent's registration says whether it may. */
    public Answer<HeldDelegation> startWithNoSubject(BehalfTask task, Optional<String> audience) {
        Map<String, String> form = form("client_credentials", audience);
        form.put("authorization_details", details(task));
        return token(form);
    }

    /** Asks for a person's approval (RFC 9126, RFC 7636): the person must then go to the page. */
    public Answer<ApprovalRequest> requestApproval(BehalfTask task, URI redirect, Optional<String> audience) {
        byte[] secret = new byte[32];
        endpoint.random().nextBytes(secret);
        String verifier = Base64Url.encode(secret);
        endpoint.random().nextBytes(secret);
        String state = Base64Url.encode(secret);
        Map<String, String> form = new LinkedHashMap<>();
        audience.ifPresent(address -> form.put("resource", address));
        form.put("client_id", agent());
        form.put("response_type", "code");
        form.put("redirect_uri", redirect.toString());
        form.put("state", state);
        form.put("code_challenge", Base64Url.encode(sha256(verifier)));
        form.put("code_challenge_method", "S256");
        form.put("dpop_jkt", key.thumbprint()); // RFC 9449 §10: the code is good for this key only
        form.put("authorization_details", details(task));
        return endpoint.post("/oauth/par", form).then(json -> {
            if (json.get("request_uri") instanceof String uri && json.get("expires_in") instanceof Long seconds) {
                String query = TokenEndpoint.encoded(orderedMap("client_id", agent(), "request_uri", uri));
                return new Answer.Granted<>(new ApprovalRequest(
                        URI.create(issuer + "/oauth/authorize?" + query),
                        endpoint.now().plusSeconds(seconds),
                        state,
                        verifier,
                        redirect));
            }
            return TokenEndpoint.unusable();
        });
    }

    /** Fetches the delegation that the person approved, with the code that came to the redirect address. */
    public Answer<HeldDelegation> approved(ApprovalRequest request, String code) {
        Map<String, String> form = form("authorization_code", Optional.empty());
        form.put("code", code);
        form.put("redirect_uri", request.redirect().toString());
        form.put("code_verifier", request.verifier());
        return token(form);
    }

    /** A new token for the same task: the same rights or fewer, the same end, whether or not the person is logged in. */
    public Answer<HeldDelegation> renew(String renewal, Optional<String> audience) {
        Map<String, String> form = form("refresh_token", audience);
        form.put("refresh_token", renewal);
        return token(form)
                .then(held -> new Answer.Granted<>(held.renewal().isPresent() ? held : withRenewal(held, renewal)));
    }

    /** A token of the same task for another address. */
    public Answer<HeldDelegation> forAudience(HeldDelegation held, String audience) {
        Map<String, String> form = form(EXCHANGE, Optional.of(audience));
        form.put("subject_token", held.token());
        form.put("subject_token_type", ACCESS_TOKEN);
        return token(form);
    }

    /** Hands part of the task to a sub-agent, who then {@link #take takes} it. */
    public Answer<HandOver> handOver(HeldDelegation held, String subAgent, BehalfTask part) {
        Map<String, String> form = form(EXCHANGE, Optional.empty());
        form.put("subject_token", held.token());
        form.put("subject_token_type", ACCESS_TOKEN);
        form.put("requested_token_type", HANDOVER);
        form.put("audience", subAgent);
        form.put("authorization_details", details(part));
        return endpoint.post("/oauth/token", form).then(json -> {
            Instant now = endpoint.now();
            if (json.get("access_token") instanceof String token
                    && json.get("expires_in") instanceof Long seconds
                    && json.get("task_id") instanceof String task) {
                return new Answer.Granted<>(new HandOver(token, new TaskId(task), now.plusSeconds(seconds)));
            }
            return TokenEndpoint.unusable();
        });
    }

    /** The sub-agent's step: its own delegation, under its own key, of what was handed over. */
    public Answer<HeldDelegation> take(String handOver, Optional<String> audience) {
        Map<String, String> form = form(EXCHANGE, audience);
        form.put("subject_token", handOver);
        form.put("subject_token_type", HANDOVER);
        return token(form);
    }

    /** Ends the task, or this sub-agent's part in it (RFC 7009). */
    public Answer<Boolean> end(String renewal) {
        return endpoint.post("/oauth/revoke", orderedMap("token", renewal, "token_type_hint", "refresh_token"))
                .then(json -> new Answer.Granted<>(true));
    }

    /** Proof of the agent's key for one request (RFC 9449 §4.2). */
    String proof(String method, String url, String token) {
        return endpoint.proof(method, url, Optional.of(token), Optional.empty());
    }

    Instant now() {
        return endpoint.now();
    }

    private Answer<HeldDelegation> token(Map<String, String> form) {
        return endpoint.post("/oauth/token", form).then(endpoint::delegation);
    }

    private static Map<String, String> form(String grant, Optional<String> audience) {
        Map<String, String> form = new LinkedHashMap<>();
        form.put("grant_type", grant);
        audience.ifPresent(address -> form.put("resource", address)); // RFC 8707
        return form;
    }

    private static Map<String, String> orderedMap(String key, String value, String secondKey, String secondValue) {
        Map<String, String> map = new LinkedHashMap<>();
        map.put(key, value);
        map.put(secondKey, secondValue);
        return map;
    }

    private static HeldDelegation withRenewal(HeldDelegation held, String renewal) {
        return new HeldDelegation(
                held.token(),
                held.bound(),
                held.task(),
                held.granted(),
                held.issued(),
                held.expires(),
                held.taskEnd(),
                Optional.of(renewal));
    }

    private static String details(BehalfTask task) {
        List<@Nullable Object> details = List.of(task.toJson());
        return new String(Json.canonical(details), StandardCharsets.UTF_8);
    }

    private static byte[] sha256(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.US_ASCII));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
