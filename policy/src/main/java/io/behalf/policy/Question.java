package io.behalf.policy;

import io.behalf.core.delegation.Ask;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord.Surface;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * "May this agent, for this subject, do this now?"
 *
 * @param ask the call
 * @param delegation verified for this very request
 * @param surface which wire it came on
 * @param facts what else is known of the call, for rules: strings, booleans, numbers, lists and maps of them
 * @param expectedActor the agent that the caller was authenticated as by other means, where there are such
 */
public record Question(
        Ask ask,
        Delegation delegation,
        Surface surface,
        Map<String, Object> facts,
        Optional<String> expectedActor,
        Instant now) {
    public Question {
        Map<String, Object> copy = LinkedHashMap.newLinkedHashMap(facts.size());
        facts.forEach((name, value) -> copy.put(name, expressible(value)));
        facts = copy;
    }

    public static Question of(Ask ask, Delegation delegation, Surface surface, Instant now) {
        return new Question(ask, delegation, surface, Map.of(), Optional.empty(), now);
    }

    /** CEL knows 64-bit numbers only: given an Integer, it would find no operator and answer slowly with an error. */
    private static Object expressible(Object value) {
        return switch (value) {
            case Integer n -> n.longValue();
            case Short n -> n.longValue();
            case Float n -> n.doubleValue();
            case Collection<?> items ->
                items.stream().map(Question::expressible).toList();
            case Map<?, ?> map -> {
                Map<Object, Object> copy = LinkedHashMap.newLinkedHashMap(map.size());
                map.forEach((key, item) -> copy.put(key, expressible(item)));
                yield copy;
            }
            default -> value;
        };
    }
}
