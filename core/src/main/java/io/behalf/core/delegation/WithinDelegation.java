package io.behalf.core.delegation;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The rule {@code within-scope}: whether a call stays within the delegation that was shown, whatever any policy says on
 * top. Gateways and services that decide for themselves run this same check. Immutable.
 *
 * @param maxActors longest actor chain accepted here
 * @param wording what people call services and actions
 */
public record WithinDelegation(int maxActors, Wording wording) {
    /** The rule's id in decisions. */
    public static final String RULE = "within-scope";

    /** An agent, its sub-agent, and one more: deep enough to delegate, short enough to read. */
    public static final int DEFAULT_MAX_ACTORS = 3;

    /** Longest piece of a foreign name that is repeated in a sentence. */
    private static final int MAX_QUOTED = 80;

    private static final String ASK = " Ask for more, or go on without.";

    public WithinDelegation {
        if (maxActors < 1 || maxActors > Delegation.MAX_ACTORS) {
            throw new IllegalArgumentException("between 1 and " + Delegation.MAX_ACTORS + " actors");
        }
    }

    /** @param expectedActor the agent that the caller authenticated as by other means, where there are such */
    public Optional<Refusal> refuses(Delegation d, Ask ask, Optional<String> expectedActor) {
        return actors(d, expectedActor)
                .or(() -> d.scope().covers(ask) ? Optional.empty() : Optional.of(exceeded(d, ask)));
    }

    /**
     * Whether the delegation leaves room for some call of this action: what filters a list, where no resource is named
     * yet.
     */
    public boolean reaches(Delegation d, Ask ask, Optional<String> expectedActor) {
        if (actors(d, expectedActor).isPresent()) {
            return false;
        }
        Scope whole;
        try {
            Map<String, List<String>> known = new HashMap<>(); // an attribute that is not known yet may still fit
            ask.attributes().forEach((name, value) -> known.put(name, List.of(value)));
            whole = Scope.of(Permission.of(ask.service(), List.of(ask.action()), List.of(), known));
        } catch (IllegalArgumentException noPermissionCanNameIt) {
            return false; // the names in a list are the upstream's, and may be anything
        }
        return !d.scope().narrow(whole).permissions().isEmpty();
    }

    private Optional<Refusal> actors(Delegation d, Optional<String> expectedActor) {
        if (expectedActor.isPresent() && !expectedActor.get().equals(d.actor())) {
            return Optional.of(refusal(
                    Reason.ACTOR_MISMATCH,
                    "This delegation was given to another agent than the one that calls. Obtain one of your own."));
        }
        if (d.actors().size() > maxActors) {
            return Optional.of(refusal(
                    Reason.CHAIN_TOO_DEEP,
                    "This delegation went through " + d.actors().size() + " agents, and " + maxActors
                            + " are allowed here. Let an agent nearer to the person make the call."));
        }
        return Optional.empty();
    }

    private Refusal exceeded(Delegation d, Ask ask) {
        return refusal(Reason.SCOPE_EXCEEDED, sentence(d.scope(), ask));
    }

    private String sentence(Scope scope, Ask ask) {
        List<Permission> here = scope.permissions().stream()
                .filter(p -> p.service().equals(ask.service()))
                .toList();
        if (here.isEmpty()) {
            List<String> covered = scope.permissions().stream()
                    .map(p -> wording.service(p.service()))
                    .toList();
            String tried = wording.service(quoted(ask.service()));
            return covered.isEmpty()
                    ? "This task covers nothing at this address, " + tried + " included." + ASK
                    : "This task covers " + Wording.list(covered) + ", not " + tried + "." + ASK;
        }
        List<Permission> forAction =
                here.stream().filter(p -> p.coversAction(ask.action())).toList();
        if (forAction.isEmpty()) {
            List<String> allowed = new ArrayList<>();
            here.forEach(p -> p.actions().forEach(a -> allowed.add(wording.action(p.service(), a))));
            return "With " + wording.service(ask.service()) + " this task may " + Wording.list(allowed) + ", not "
                    + wording.action(ask.service(), quoted(ask.action())) + "." + ASK;
        }
        String what = wording.action(ask.service(), quoted(ask.action()));
        boolean reached = forAction.stream().anyMatch(p -> Scope.coversResources(p, ask));
        if (!reached) {
            List<String> resources = new ArrayList<>();
            forAction.forEach(p -> p.resources().forEach(r -> resources.add(quoted(r))));
            String tried = ask.resources().isEmpty()
                    ? "this call does not say which it touches"
                    : "not "
                            + Wording.list(ask.resources().stream()
                                    .map(WithinDelegation::quoted)
                                    .toList());
            return "This task may " + what + " only at " + Wording.list(resources) + "; " + tried + "." + ASK;
        }
        List<String> limits = new ArrayList<>();
        forAction.forEach(p -> p.constraints()
                .forEach((key, values) -> limits.add(quoted(key) + " is "
                        + String.join(" or ", values.stream().limit(3).toList()))));
        return "This task may " + what + " only where " + Wording.list(limits) + "." + ASK;
    }

    private static Refusal refusal(Reason reason, String sentence) {
        return Refusal.of(reason, sentence).withRules(List.of(RULE));
    }

    private static String quoted(String foreign) {
        if (foreign.length() <= MAX_QUOTED) {
            return foreign;
        }
        int end = Character.isHighSurrogate(foreign.charAt(MAX_QUOTED - 1)) ? MAX_QUOTED - 1 : MAX_QUOTED;
        return foreign.substring(0, end) + "…";
    }
}
