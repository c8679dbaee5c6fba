package io.behalf.policy;

import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelVariableResolver;
import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.Ask;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.delegation.WithinDelegation;
import io.behalf.core.delegation.Wording;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * One version of the policy. Calls, lists and simulation are decided here and nowhere else, in this order:
 *
 * <ol>
 *   <li>{@code within-scope}: the delegation's actor, chain and scope;
 *   <li>{@code regulated-needs-approval}: on a regulated service a person must have approved;
 *   <li>the task's limits, which the caller keeps;
 *   <li>configured rules: one {@code forbid} that holds refuses, whatever permits;
 *   <li>nothing is permitted that no rule permits.
 * </ol>
 *
 * <p>A {@code forbid} whose expression has no answer (a fact is missing, a type does not fit) refuses with
 * {@code policy_unavailable}: it might have held. A {@code permit} without an answer does not permit. Immutable,
 * thread-safe, never blocks.
 */
public final class Policy {
    public static final String WITHIN_SCOPE = WithinDelegation.RULE;
    public static final String REGULATED_NEEDS_APPROVAL = "regulated-needs-approval";

    /** A person saw it, or stands for it in a review: an application's or provider's word is not enough. */
    private static final Set<ApprovalKind> STRONG =
            EnumSet.of(ApprovalKind.INTERACTIVE, ApprovalKind.CIBA, ApprovalKind.STANDING, ApprovalKind.EMERGENCY);

    private final WithinDelegation within;
    private final Wording wording;
    private final Set<String> regulated;
    private final boolean scopePermits;
    private final RuleIndex rules;
    private final String sha256;

    private Policy(PolicySource source, RuleIndex rules) {
        this.wording = source.wording();
        this.within = new WithinDelegation(source.maxActors(), wording);
        this.regulated = new HashSet<>();
        source.services().stream()
                .filter(ServicePolicy::regulated)
                .forEach(service -> regulated.add(service.service()));
        this.scopePermits = source.scopePermits();
        this.rules = rules;
        this.sha256 = hash(source.canonical());
    }

    /** @throws PolicyProblems with everything that is wrong */
    public static Policy compile(PolicySource source) throws PolicyProblems {
        return new Policy(source, RuleIndex.compile(source.rules(), source.knownServices()));
    }

    /** This version: SHA-256 over the canonical form of its source, lower-case hex. */
    public String sha256() {
        return sha256;
    }

    /** How refusals name services and actions. */
    public Wording wording() {
        return wording;
    }

    /** Decides a call of a task without limits. */
    public Decision decide(Question q) {
        return decide(q, Optional::empty);
    }

    /**
     * Decides a call.
     *
     * @param limits asked once, after scope and approval passed: a refusal when the task's limits are used up
     */
    public Decision decide(Question q, Supplier<Optional<Refusal>> limits) {
        Optional<Refusal> no = within.refuses(q.delegation(), q.ask(), q.expectedActor())
                .or(() -> approval(q))
                .or(limits);
        return no.isPresent() ? new Decision.Denied(no.get()) : byRules(q, false);
    }

    /**
     * Whether a list shows this action: whether some call of it would be permitted. Rules see {@code listing} as true and
     * no resources.
     */
    public boolean visible(Question q) {
        return within.reaches(q.delegation(), q.ask(), q.expectedActor())
                && approval(q).isEmpty()
                && byRules(q, true) instanceof Decision.Permit;
    }

    private Optional<Refusal> approval(Question q) {
        if (!regulated.contains(q.ask().service())
                || STRONG.contains(q.delegation().approvalKind())) {
            return Optional.empty();
        }
        return Optional.of(Refusal.of(
                        Reason.APPROVAL_REQUIRED,
                        "Only what a person has approved may be done with "
                                + wording.service(q.ask().service())
                                + ", and this task has no such approval. Ask the person to approve it.")
                .withRules(List.of(REGULATED_NEEDS_APPROVAL)));
    }

    private Decision byRules(Question q, boolean listing) {
        Ask ask = q.ask();
        CelVariableResolver variables = name -> RuleVariables.find(name, q, listing);
        List<String> permits = new ArrayList<>();
        List<String> forbids = new ArrayList<>();
        List<String> unanswered = new ArrayList<>();
        if (scopePermits) {
            permits.add(WITHIN_SCOPE);
        }
        rules.applicable(ask.service(), ask.action(), rule -> {
            try {
                if (rule.holds(variables)) {
                    (rule.effect() == Rule.Effect.FORBID ? forbids : permits).add(rule.id());
                }
            } catch (CelEvaluationException | RuntimeException e) {
                if (rule.effect() == Rule.Effect.FORBID) {
                    unanswered.add(rule.id());
                }
            }
        });
        if (!forbids.isEmpty()) {
            return denied(
                    Reason.POLICY_DENIED,
                    "The policy forbids " + tried(ask) + ", though the task covers it. Go on without.",
                    forbids);
        }
        if (!unanswered.isEmpty()) {
            return denied(
                    Reason.POLICY_UNAVAILABLE,
                    "A rule about " + tried(ask)
                            + " could not be evaluated, so the call was not made. Go on without, or try again later.",
                    unanswered);
        }
        if (permits.isEmpty()) {
            return denied(
                    Reason.POLICY_DENIED,
                    "No rule of the policy allows " + tried(ask) + ", though the task covers it. Go on without.",
                    List.of());
        }
        return new Decision.Permit(permits);
    }

    private String tried(Ask ask) {
        String action =
                ask.action().length() <= 80 ? ask.action() : ask.action().substring(0, 80) + "…";
        return "\"" + wording.action(ask.service(), action) + "\" with " + wording.service(ask.service());
    }

    private static Decision denied(Reason reason, String sentence, List<String> rules) {
        return new Decision.Denied(Refusal.of(reason, sentence).withRules(rules));
    }

    private static String hash(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
