package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.authority.Stopped;
import io.behalf.core.delegation.TaskId;
import java.util.List;
import java.util.Map;
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
