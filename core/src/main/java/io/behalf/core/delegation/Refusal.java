package io.behalf.core.delegation;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A "no", as a value.
 *
 * @param reason which check failed first
 * @param sentence what the agent and its model may read: what was tried, what is allowed, how to ask for more
 * @param detail for the operator's log, never for the caller; holds no token, key or personal data
 * @param rules ids of the policy rules that refused
 * @param status HTTP status where it differs from the reason's own
 * @param retryAfterSeconds set for rates, which pass by themselves
 * @param authentic the delegation, where its signature and its proof of possession held, so that the record of an
 *     expired or revoked delegation can still name its task
 */
public record Refusal(
        Reason reason,
        String sentence,
        Optional<String> detail,
        List<String> rules,
        OptionalInt status,
        OptionalInt retryAfterSeconds,
        Optional<Delegation> authentic) {
    public Refusal {
        rules = List.copyOf(rules);
    }

    public static Refusal of(Reason reason, String sentence) {
        return new Refusal(
                reason,
                sentence,
                Optional.empty(),
                List.of(),
                OptionalInt.empty(),
                OptionalInt.empty(),
                Optional.empty());
    }

    public static Refusal of(Reason reason, String sentence, String detail) {
        return of(reason, sentence).withDetail(detail);
    }

    public int httpStatus() {
        return status.orElse(reason.status());
    }

    public Refusal withDetail(String more) {
        return new Refusal(reason, sentence, Optional.of(more), rules, status, retryAfterSeconds, authentic);
    }

    public Refusal withRules(List<String> ids) {
        return new Refusal(reason, sentence, detail, ids, status, retryAfterSeconds, authentic);
    }

    public Refusal withStatus(int code) {
        return new Refusal(reason, sentence, detail, rules, OptionalInt.of(code), retryAfterSeconds, authentic);
    }

    /** A rate: HTTP 429 with {@code Retry-After}. */
    public Refusal retryAfter(int seconds) {
        return new Refusal(reason, sentence, detail, rules, OptionalInt.of(429), OptionalInt.of(seconds), authentic);
    }

    public Refusal about(Delegation delegation) {
        return new Refusal(reason, sentence, detail, rules, status, retryAfterSeconds, Optional.of(delegation));
    }
}
