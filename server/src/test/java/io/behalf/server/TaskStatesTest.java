package io.behalf.server;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.authority.Tasks.Used;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Reason;
import io.behalf.gateway.CallsOf;
import io.behalf.gateway.TaskState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TaskStatesTest {
    private static final int MOST = 2;

    private Wiring wiring;
    private TaskStates states;

    @BeforeEach
    void open(@TempDir Path data) {
        wiring = new Wiring(data);
        states = new TaskStates(wiring.authority(), MOST);
    }

    @AfterEach
    void close() {
        states.close();
        wiring.close();
    }

    private static Checked<TaskState> asked(TaskStates states, Delegation task) {
        return states.open(task).toCompletableFuture().orTimeout(10, SECONDS).join();
    }

    private TaskState opened(Delegation task) {
        return switch (asked(states, task)) {
            case Checked.Passed<TaskState>(var state) -> state;
            case Checked.Refused<TaskState>(var no) -> throw new AssertionError(no.toString());
        };
    }

    private Delegation task() {
        return wiring.task("alice").delegation();
    }

    @Test
    void opensATaskOnceAndKeepsItInMemory() {
        Delegation task = task();
        assertThat(states.resident(task.taskId())).isNull();
        TaskState state = opened(task);
        assertThat(state.id()).isEqualTo(task.taskId());
        assertThat(states.resident(task.taskId())).isSameAs(state);
        assertThat(opened(task)).isSameAs(state);
    }

    /** Two objects would each allow the whole limit. */
    @RepeatedTest(8)
    void givesAllWhoAskAtOnceOneObject() throws Exception {
        Delegation task = task();
        List<Callable<TaskState>> all = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            all.add(() -> opened(task));
        }
        Set<TaskState> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (var state : threads.invokeAll(all)) {
                seen.add(state.get());
            }
        }
        assertThat(seen).hasSize(1);
    }

    @Test
    void refusesATaskThatNobodyKnowsOrThatIsOver() {
        Delegation stopped = task();
        wiring.stop(stopped.taskId());
        assertThat(refusal(stopped)).isEqualTo(Reason.DELEGATION_REVOKED);

        Delegation expired = task();
        wiring.clock.pass(Duration.ofHours(9));
        assertThat(refusal(expired)).isEqualTo(Reason.TASK_EXPIRED);
        assertThat(states.resident(expired.taskId())).isNull();
    }

    private Reason refusal(Delegation task) {
        return switch (asked(states, task)) {
            case Checked.Passed<TaskState>(var state) -> throw new AssertionError("opened " + state.id());
            case Checked.Refused<TaskState>(var no) -> no.reason();
        };
    }

    // ---- limits outlive the process

    @Test
    void countsOnFromWhatWasUsedBefore() {
        Delegation task = wiring.task("alice", Limits.calls(10)).delegation();
        CallsOf calls = new CallsOf(opened(task));
        for (int i = 0; i < 7; i++) {
            assertThat(calls.begin()).isTrue();
            calls.settle(100);
        }
        states.close();

        wiring.restart();
        states = new TaskStates(wiring.authority(), MOST);
        TaskState again = opened(task);
        assertThat(again.calls()).isEqualTo(7);
        assertThat(again.tokens()).isEqualTo(700);
        CallsOf later = new CallsOf(again);
        assertThat(List.of(later.begin(), later.begin(), later.begin(), later.begin()))
                .containsExactly(true, true, true, false);
    }

    @Test
    void writesTotalsBackWhileItRuns() throws InterruptedException {
        Delegation task = task();
        CallsOf calls = new CallsOf(opened(task));
        calls.begin();
        calls.settle(42);
        Used wanted = new Used(1, 42, 0);
        for (int i = 0; i < 100 && !stored(task).equals(wanted); i++) {
            Thread.sleep(100);
        }
        assertThat(stored(task)).isEqualTo(wanted);
    }

    @Test
    void neverLowersWhatAnotherHasWritten() {
        Delegation task = task();
        opened(task);
        wiring.authority().tasks().used(Map.of(task.taskId(), new Used(50, 500, 5)));
        states.keep();
        assertThat(stored(task)).isEqualTo(new Used(50, 500, 5));
    }

    private Used stored(Delegation task) {
        return switch (wiring.authority().tasks().open(task.taskId())) {
            case Checked.Passed<io.behalf.authority.Tasks.Opened>(var opened) -> opened.used();
            case Checked.Refused<io.behalf.authority.Tasks.Opened>(var no) -> throw new AssertionError(no.toString());
        };
    }

    // ---- what is let go

    @Test
    void letsIdleTasksGoBeyondTheBound() {
        List<Delegation> tasks = List.of(task(), task(), task(), task());
        tasks.forEach(this::opened);
        states.keep();
        assertThat(tasks.stream().filter(task -> states.resident(task.taskId()) != null))
                .hasSize(MOST);
    }

    @Test
    void letsNoTaskGoWhileACallOfItRuns() {
        List<Delegation> tasks = List.of(task(), task(), task(), task());
        tasks.forEach(task -> new CallsOf(opened(task)).begin());
        states.keep();
        assertThat(tasks)
                .allSatisfy(task -> assertThat(states.resident(task.taskId())).isNotNull());

        CallsOf first = new CallsOf(opened(tasks.getFirst()));
        first.settle(1);
        states.keep();
        assertThat(states.resident(tasks.getFirst().taskId())).isNull();
        assertThat(tasks.subList(1, 4))
                .allSatisfy(task -> assertThat(states.resident(task.taskId())).isNotNull());
    }

    /** A request that was verified, and whose body is still coming, is not counted as a call yet. */
    @Test
    void letGoWhileARequestHoldsItIsStillTheTasksOneObject() {
        Delegation task = task();
        TaskState held = opened(task);
        for (int i = 0; i < MOST; i++) {
            new CallsOf(opened(task())).begin(); // these stay
        }
        states.keep();
        assertThat(states.resident(task.taskId())).isNull();

        new CallsOf(held).begin();
        assertThat(opened(task)).isSameAs(held);
        states.keep();
        assertThat(stored(task).calls()).isEqualTo(1);
    }

    @Test
    void letsGoOfAStoppedTaskForGood() {
        Delegation task = task();
        TaskState running = opened(task);
        wiring.stop(task.taskId());
        states.over(task.taskId());
        assertThat(states.resident(task.taskId())).isNull();
        assertThat(refusal(task)).isEqualTo(Reason.DELEGATION_REVOKED);
        new CallsOf(running).begin(); // what still runs holds its own reference
        states.keep();
        assertThat(states.resident(task.taskId())).isNull();
    }

    @RepeatedTest(8)
    void keepsNothingOfATaskThatIsStoppedWhileItIsOpened() throws InterruptedException {
        Delegation task = task();
        wiring.authority().onStopped(_ -> states.over(task.taskId()));
        CompletableFuture<Checked<TaskState>> opening = states.open(task).toCompletableFuture();
        wiring.stop(task.taskId());
        opening.orTimeout(10, SECONDS).join();
        for (int i = 0; i < 100 && states.resident(task.taskId()) != null; i++) {
            Thread.sleep(10); // the last word of an opening is said on its own thread
        }
        assertThat(states.resident(task.taskId())).isNull();
    }

    // ---- a store that fails

    @Test
    void asksAgainAfterTheStoreFailed() {
        Delegation task = task();
        wiring.loseStore();
        for (int i = 0; i < 3; i++) {
            assertThatThrownBy(() -> asked(states, task)).isNotNull();
        }
        wiring.findStore();
        assertThat(opened(task).id()).isEqualTo(task.taskId());
    }

    @Test
    void keepsTotalsForLaterWhileTheStoreFails() {
        Delegation task = task();
        new CallsOf(opened(task)).begin();
        wiring.loseStore();
        assertThatThrownBy(() -> states.keep()).isNotNull();
        wiring.findStore();
        states.keep();
        assertThat(stored(task).calls()).isEqualTo(1);
    }

    @Test
    void failsAndDoesNotThrowOnceItIsClosed() {
        Delegation task = task();
        states.close();
        assertThat(states.open(task).toCompletableFuture()).isCompletedExceptionally();
        assertThat(states.open(task).toCompletableFuture()).isCompletedExceptionally();
    }
}
