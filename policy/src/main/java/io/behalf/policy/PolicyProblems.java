package io.behalf.policy;

import java.util.List;

/** A policy that cannot be used, with everything that is wrong with it, so that one look mends it. */
public final class PolicyProblems extends Exception {
    private static final long serialVersionUID = 1;

    private final transient List<Problem> problems;

    PolicyProblems(List<Problem> problems) {
        super(String.join("\n", problems.stream().map(Problem::toString).toList()));
        this.problems = List.copyOf(problems);
    }

    public List<Problem> problems() {
        return problems;
    }

    /** @param rule id of the rule, or of the place, that it stands in */
    public record Problem(String rule, String message) {
        @Override
        public String toString() {
            return rule + ": " + message;
        }
    }
}
