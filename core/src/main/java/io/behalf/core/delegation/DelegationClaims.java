package io.behalf.core.delegation;

import io.behalf.core.json.Json;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Delegation} as the claims of a JWT of type {@code at+jwt} (RFC 9068, RFC 8693 §4.1, RFC 9396, RFC 7800) and
 * back. Reading is strict in what Behalf defines and ignores claims it does not know (RFC 7519 §4).
 */
public final class DelegationClaims {
    /** JOSE header {@code typ} of a delegation token (RFC 9068 §2.1). */
    public static final String TYPE = "at+jwt";

    /** Longest string claim read. */
    public static final int MAX_STRING = 2048;

    private DelegationClaims() {}

    public static Map<String, @Nullable Object> toJson(Delegation d) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("iss", d.issuer());
        out.put("aud", d.audience());
        out.put("jti", d.jti());
        out.put("iat", d.issuedAt().getEpochSecond());
        d.notBefore().ifPresent(t -> out.put("nbf", t.getEpochSecond()));
        out.put("exp", d.expires().getEpochSecond());
        if (d.onBehalfOf() instanceof OnBehalfOf.Subject person) {
            out.put("sub", person.id());
            out.put("idp", person.provider());
            out.put("sbj", person.pseudonym());
        } else if (d.onBehalfOf() instanceof OnBehalfOf.NoSubject nobody) {
            out.put("sub", "agent:" + d.actor());
            out.put("no_subject", Map.of("category", nobody.category(), "reason_code", nobody.reasonCode()));
        }
        out.put("client_id", d.actor());
        out.put("act", actToJson(d.actors()));
        out.put("scope", d.scope().shadow());
        out.put("authorization_details", List.of(d.task().toJson()));
        out.put("task_id", d.taskId().value());
        out.put("task_exp", d.taskEnd().getEpochSecond());
        out.put("task_s256", d.taskS256());
        out.put("approval_id", d.approvalId());
        out.put("approval_kind", d.approvalKind().code());
        d.login().ifPresent(login -> {
            out.put("auth_time", login.authTime().getEpochSecond());
            login.acr().ifPresent(acr -> out.put("acr", acr));
            if (!login.amr().isEmpty()) {
                out.put("amr", login.amr());
            }
        });
        if (d.binding() instanceof Binding.Key key) {
            out.put("cnf", Map.of("jkt", key.jkt()));
        } else if (d.binding() instanceof Binding.Certificate certificate) {
            out.put("cnf", Map.of("x5t#S256", certificate.x5tS256()));
        }
        d.status()
                .ifPresent(
                        s -> out.put("status", Map.of("status_list", Map.of("uri", s.uri(), "idx", (long) s.index()))));
        return out;
    }

    /** Reads claims whose signature was verified; {@code delegation_malformed} when they are not a delegation's. */
    public static Checked<Delegation> fromJson(Map<String, ? extends @Nullable Object> claims) {
        try {
            return Checked.passed(read(claims));
        } catch (Json.Malformed | IllegalArgumentException | DateTimeException e) {
            return Checked.refused(Refusal.of(
                    Reason.DELEGATION_MALFORMED,
                    "The delegation is signed, but its claims are not those of a delegation token. Obtain a new one.",
                    String.valueOf(e.getMessage())));
        }
    }

    private static Delegation read(Map<String, ? extends @Nullable Object> claims) throws Json.Malformed {
        List<String> actors = actors(claims);
        BehalfTask task = BehalfTask.fromDetails(claims.get("authorization_details"));
        if (!words(task.scope().shadow()).equals(words(string(claims, "scope")))) {
            // software that reads only one of the two would decide differently from us
            throw malformed("scope and authorization_details disagree");
        }
        return new Delegation(
                string(claims, "iss"),
                string(claims, "aud"),
                string(claims, "jti"),
                onBehalfOf(claims, actors.get(0)),
                actors,
                task,
                new TaskId(string(claims, "task_id")),
                time(claims, "task_exp"),
                string(claims, "task_s256"),
                string(claims, "approval_id"),
                ApprovalKind.of(string(claims, "approval_kind")).orElseThrow(() -> malformed("unknown approval_kind")),
                login(claims),
                binding(claims.get("cnf")),
                time(claims, "iat"),
                claims.containsKey("nbf") ? Optional.of(time(claims, "nbf")) : Optional.empty(),
                time(claims, "exp"),
                status(claims.get("status")));
    }

    private static Set<String> words(String scope) {
        return new HashSet<>(Arrays.asList(scope.split(" ", -1)));
    }

    private static OnBehalfOf onBehalfOf(Map<String, ? extends @Nullable Object> claims, String actor)
            throws Json.Malformed {
        boolean person = claims.containsKey("sbj") || claims.containsKey("idp");
        if (person == claims.containsKey("no_subject")) {
            throw malformed("either idp and sbj, or no_subject");
        }
        String sub = string(claims, "sub");
        if (person) {
            return new OnBehalfOf.Subject(sub, string(claims, "idp"), string(claims, "sbj"));
        }
        if (!sub.equals("agent:" + actor)) {
            throw malformed("with no subject, sub is agent:<the actor>");
        }
        Map<String, ?> nobody = object(claims.get("no_subject"), "no_subject");
        return new OnBehalfOf.NoSubject(string(nobody, "category"), string(nobody, "reason_code"));
    }

    private static Map<String, @Nullable Object> actToJson(List<String> actors) {
        Map<String, @Nullable Object> inner = null;
        for (int i = actors.size() - 1; i >= 0; i--) {
            Map<String, @Nullable Object> act = new LinkedHashMap<>();
            act.put("sub", actors.get(i));
            if (inner != null) {
                act.put("act", inner);
            }
            inner = act;
        }
        return Objects.requireNonNull(inner);
    }

    /** RFC 8693 §4.1: the outermost {@code act} is the current actor, and must be the client. */
    private static List<String> actors(Map<String, ? extends @Nullable Object> claims) throws Json.Malformed {
        List<String> actors = new ArrayList<>();
        Map<String, ?> act = object(claims.get("act"), "act");
        while (true) {
            if (!act.keySet().stream().allMatch(name -> name.equals("sub") || name.equals("act"))) {
                throw malformed("act holds sub and act only");
            }
            actors.add(string(act, "sub"));
            if (actors.size() > Delegation.MAX_ACTORS) {
                throw malformed("more than " + Delegation.MAX_ACTORS + " actors");
            }
            if (!act.containsKey("act")) {
                break;
            }
            act = object(act.get("act"), "act");
        }
        if (!actors.get(0).equals(string(claims, "client_id"))) {
            throw malformed("client_id and act.sub name different agents");
        }
        return actors;
    }

    private static Optional<Delegation.Login> login(Map<String, ? extends @Nullable Object> claims)
            throws Json.Malformed {
        if (!claims.containsKey("auth_time")) {
            return Optional.empty();
        }
        List<String> amr = new ArrayList<>();
        if (claims.get("amr") instanceof List<?> list) {
            for (Object item : list) {
                if (!(item instanceof String method)) {
                    throw malformed("amr is an array of strings");
                }
                amr.add(method);
            }
        }
        return Optional.of(new Delegation.Login(
                time(claims, "auth_time"),
                claims.containsKey("acr") ? Optional.of(string(claims, "acr")) : Optional.empty(),
                amr));
    }

    private static Binding binding(@Nullable Object cnf) throws Json.Malformed {
        if (cnf == null) {
            return new Binding.Unbound();
        }
        Map<String, ?> object = object(cnf, "cnf");
        if (object.size() != 1) {
            throw malformed("cnf has exactly one member"); // two could name two holders
        }
        if (object.containsKey("jkt")) {
            return new Binding.Key(string(object, "jkt"));
        }
        return new Binding.Certificate(string(object, "x5t#S256"));
    }

    private static Optional<Delegation.StatusReference> status(@Nullable Object status) throws Json.Malformed {
        if (status == null) {
            return Optional.empty();
        }
        Map<String, ?> list = object(object(status, "status").get("status_list"), "status.status_list");
        if (!(list.get("idx") instanceof Long index) || index < 0 || index > Integer.MAX_VALUE) {
            throw malformed("status_list.idx is a whole number");
        }
        return Optional.of(new Delegation.StatusReference(string(list, "uri"), index.intValue()));
    }

    private static Instant time(Map<String, ? extends @Nullable Object> claims, String name) throws Json.Malformed {
        // RFC 7519 allows fractions; this issuer writes none, and whole seconds within 9999 years need no care
        if (claims.get(name) instanceof Long seconds && seconds >= 0 && seconds < 253_402_300_800L) {
            return Instant.ofEpochSecond(seconds);
        }
        throw malformed(name + " is a time in whole seconds");
    }

    private static String string(Map<String, ? extends @Nullable Object> object, String name) throws Json.Malformed {
        if (object.get(name) instanceof String s && s.length() <= MAX_STRING) {
            return s;
        }
        if ("scope".equals(name) && object.get(name) instanceof String s) {
            return s; // bounded by the token's own size and by the permissions it must equal
        }
        throw malformed(name + " is a string of at most " + MAX_STRING);
    }

    private static Map<String, ?> object(@Nullable Object value, String name) throws Json.Malformed {
        if (value instanceof Map<?, ?> map) {
            @SuppressWarnings("unchecked")
            Map<String, ?> object = (Map<String, ?>) map;
            return object;
        }
        throw malformed(name + " is an object");
    }

    private static Json.Malformed malformed(String message) {
        return new Json.Malformed(message, null);
    }
}
