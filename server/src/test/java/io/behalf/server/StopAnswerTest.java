package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.authority.Stopped;
import io.behalf.core.delegation.TaskId;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class StopAnswerTest {
    private static final TaskId TASK = new TaskId("tsk_01JNA0000000000000000000AB");

    @Test
    void whatStoreAndLedgerHaveOwesNothing() {
        assertThat(answer(true, true))
                .isEqualTo(Map.of(
                        "tasks",
                        List.of(TASK.value()),
                        "parts",
                        List.of(),
                        "dry_run",
                        false,
                        "stored",
                        true,
                        "recorded",
                        true));
    }

    @Test
    void eitherPlaceIsEnoughToSurviveARestart() {
        assertThat(answer(true, false)).satisfies(StopAnswerTest::survives);
        assertThat(owed(answer(true, false))).contains("in force and survives", "The ledger cannot record it yet");
        assertThat(answer(false, true)).satisfies(StopAnswerTest::survives);
        assertThat(owed(answer(false, true))).contains("in force and survives", "The store cannot take it yet");
    }

    @Test
    void whatNeitherHasIsInForceAndNotToBeForgotten() {
        assertThat(StopAnswer.survives(answer(false, false))).isFalse();
        assertThat(owed(answer(false, false))).contains("in force, but", "do not restart", "Neither store nor ledger");
    }

    @Test
    void whatWouldFallIsKeptNowhere() {
        assertThat(StopAnswer.of(new Stopped(List.of(TASK), List.of(), true, true), true))
                .doesNotContainKeys("stored", "recorded", "owed");
    }

    @Test
    void whoeverMayNotBeToldWhatFellIsToldWhetherItHolds() {
        assertThat(StopAnswer.untold(new Stopped(List.of(TASK), List.of(), false, false)))
                .isEqualTo("Tasks stopped: 1. The stop is in force, but a restart now would forget it: do not restart."
                        + " Which tasks they are is not told, because that somebody looked cannot be recorded now.");
    }

    @Test
    void ofManyPeopleOfOneNameSomeAreNamed() {
        Set<String> several = IntStream.range(0, StopAnswer.MAX_CHOICE + 2)
                .mapToObj(i -> String.format("corp:%02d", i))
                .collect(Collectors.toCollection(TreeSet::new));

        assertThat(StopAnswer.several(several))
                .startsWith("Several people are called that: name one of corp:00, corp:01,")
                .endsWith(" corp:15 or of 2 more.");
        assertThat(StopAnswer.several(Set.of("corp:\u001b[2J")))
                .isEqualTo("Several people are called that: name one of \"corp:\\u{1b}[2J\".");
        assertThat(StopAnswer.several(Set.of("corp:x, corp:victim")))
                .isEqualTo(
                        "Several people are called that: name one of \"corp:x," + ForeignText.SPACE + "corp:victim\".");
    }

    private static Map<String, @Nullable Object> answer(boolean stored, boolean recorded) {
        return StopAnswer.of(new Stopped(List.of(TASK), List.of(), stored, recorded), false);
    }

    private static String owed(Map<String, @Nullable Object> answer) {
        return String.valueOf(answer.get("owed"));
    }

    private static void survives(Map<String, @Nullable Object> answer) {
        assertThat(StopAnswer.survives(answer)).isTrue();
    }
}
