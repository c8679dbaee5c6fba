package io.behalf.server.sample;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the pretend model says: the same conversation always gets the same answer. Asked first, it plans to search
 * tickets and to look up a customer, as far as it was offered such tools; given their results, it sums up.
 */
final class Script {
    static final String MODEL = "demo-model";

    private static final List<Planned> PLAN = List.of(
            new Planned("call_1", "tickets.search", new TreeMap<>(Map.of("plan", "enterprise", "quarter", "Q3"))),
            new Planned("call_2", "customers.get", new TreeMap<>(Map.of("id", "4711"))));

    private Script() {}

    /** @param arguments of the tool, by name */
    record Planned(String id, String tool, Map<String, String> arguments) {
        String argumentsText() {
            return SampleJson.text(arguments);
        }
    }

    /** @param plan empty when the model has enough */
    record Reply(String text, List<Planned> plan, long inputTokens) {
        /** A rough count: four characters a token. */
        long outputTokens() {
            long letters = text.length();
            for (Planned planned : plan) {
                letters += planned.tool().length() + planned.argumentsText().length();
            }
            return Math.max(1, letters / 4);
        }

        /** The text in pieces, as a streaming model sends it. */
        List<String> words() {
            return text.isEmpty() ? List.of() : List.of(text.split("(?<= )"));
        }
    }

    /**
     * @param offered names of the tools that the request offers
     * @param results what tools said so far
     * @param requestBytes size of the request, for the count of its tokens
     */
    static Reply next(List<String> offered, List<String> results, int requestBytes) {
        long input = Math.max(1, requestBytes / 4);
        List<Planned> plan = PLAN.stream()
                .filter(planned -> offered.contains(planned.tool()))
                .toList();
        if (results.isEmpty() && !plan.isEmpty()) {
            return new Reply("", plan, input);
        }
        boolean refused = results.stream().anyMatch(result -> result.contains("not "));
        String text = "In the third quarter enterprise customers opened three tickets: two about sign-in, one about"
                + " exports. ";
        return new Reply(
                text + (refused ? "I went on without the customer's record. " : "") + "All are closed.",
                List.of(),
                input);
    }
}
