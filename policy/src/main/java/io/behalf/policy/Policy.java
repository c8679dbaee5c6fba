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
 * <p>A {@code forbid} whose expression has no answer (a fact is missing, a type does not fit, it asks for the resources of a
 * call that may touch others, too, and does not hold for those that are known) refuses with {@code policy_unavailable}: it
 * might have held. A {@code permit} without an answer does not permit. Immutable, thread-safe, never blocks.
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

    /**
     * Whether a rule forbids what does nothing by itself (a greeting, a notice, a list), which needs no permission of its own
     * where anything is permitted.
     */
    public Optional<Decision.Denied> forbidden(Question q) {
        return forbidden(q, rule(q, false));
    }

    private Decision byRules(Question q, boolean listing) {
        Ruled ruled = rule(q, listing);
        Optional<Decision.Denied> no = forbidden(q, ruled);
        if (no.isPresent()) {
            return no.get();
        }
        if (ruled.permits.isEmpty()) {
            return denied(
                    Reason.POLICY_DENIED,
                    "No rule of the policy allows " + tried(q.ask()) + ", though the task covers it. Go on without.",
                    List.of());
        }
        return new Decision.Permit(ruled.permits);
    }

    /** What the rules that apply to a call say of it, by their ids. */
    private static final class Ruled {
        final List<String> permits = new ArrayList<>();
        final List<String> forbids = new ArrayList<>();
        final List<String> unanswered = new ArrayList<>();

        void withoutAnswer(RuleIndex.Compiled rule) {
            if (rule.effect() == Rule.Effect.FORBID) {
                unanswered.add(rule.id());
            }
        }
    }

    private Ruled rule(Question q, boolean listing) {
        Ruled ruled = new Ruled();
        if (scopePermits) {
            ruled.permits.add(WITHIN_SCOPE);
        }
        rules.applicable(q.ask().service(), q.ask().action(), rule -> {
            Asking variables = new Asking(q, listing);
            try {
                boolean holds = rule.holds(variables);
                if (holds && rule.effect() == Rule.Effect.FORBID) {
                    ruled.forbids.add(rule.id()); // of what is known already
                } else if (variables.partly) {
                    ruled.withoutAnswer(rule);
                } else if (holds) {
                    ruled.permits.add(rule.id());
                }
            } catch (CelEvaluationException | RuntimeException e) {
                ruled.withoutAnswer(rule);
            }
        });
        return ruled;
    }

    private Optional<Decision.Denied> forbidden(Question q, Ruled ruled) {
        if (!ruled.forbids.isEmpty()) {
            return Optional.of(denied(
                    Reason.POLICY_DENIED,
                    "The policy forbids " + tried(q.ask()) + ", though the task covers it. Go on without.",
                    ruled.forbids));
        }
        return ruled.unanswered.isEmpty()
                ? Optional.empty()
                : Optional.of(denied(
                        Reason.POLICY_UNAVAILABLE,
                        "A rule about " + tried(q.ask())
                                + " could not be evaluated, so the call was not made. Go on without, or try again later.",
                        ruled.unanswered));
    }

    /** One rule's questions, and whether the answer to one of them was only a part of the truth. */
    private static final class Asking implements CelVariableResolver {
        private final Question question;
        private final boolean listing;
        private boolean partly;

        Asking(Question question, boolean listing) {
            this.question = question;
            this.listing = listing;
        }

        @Override
        public Optional<Object> find(String name) {
            partly |= !listing && !question.ask().complete() && name.equals(RuleVariables.RESOURCES);
            return RuleVariables.find(name, question, listing);
        }
    }

    private String tried(Ask ask) {
        String action =
                ask.action().length() <= 80 ? ask.action() : ask.action().substring(0, 80) + "…";
        return "\"" + wording.action(ask.service(), action) + "\" with " + wording.service(ask.service());
    }

    private static Decision.Denied denied(Reason reason, String sentence, List<String> rules) {
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
