package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two stores, one order: every place at which a crash can part them, and backups that are older than the other store. */
class ChangesTest {
    @TempDir
    Path data;

    @TempDir
    Path backup;

    private World world;
    private AgentSide agent;

    @BeforeEach
    void start() {
        world = new World(data);
        agent = world.agent("tickets");
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @Test
    void changeThatOnlyTheStoreHasIsAppendedAtStart() {
        world.records.goAway();
        assertThat(agent.exchange("alice", Map.of()).status()).isEqualTo(503);
        assertThat(world.records.size()).isZero();
        world.records.comeBack();

        world.restart();

        assertThat(all()).extracting(Lifecycle::event).containsExactly(Event.APPROVED, Event.ISSUED);
        world.restart();
        assertThat(world.records.size()).isEqualTo(2);
    }

    @Test
    void changeThatBothHaveIsNotAppendedAgain() {
        world.records.keepButFail();
        assertThat(agent.exchange("alice", Map.of()).status()).isEqualTo(503);
        world.records.comeBack();

        world.restart();

        assertThat(all()).extracting(Lifecycle::event).containsExactly(Event.APPROVED, Event.ISSUED);
    }

    @Test
    void recordIsTheSameWhenAppendedLater() {
        world.records.keepButFail();
        agent.exchange("alice", Map.of());
        List<Lifecycle> written = all();
        world.records.comeBack();
        world.records.cutTo(0);

        world.restart();

        assertThat(all()).isEqualTo(written);
    }

    @Test
    void storeAheadOfItsLedgerRefusesToStart() {
        agent.exchange("alice", Map.of());
        world.stopAuthority();
        world.records.cutTo(1);

        assertThatThrownBy(() -> world.startAuthority())
                .isInstanceOf(StoreFault.class)
                .hasMessageContaining("ledger was cut or exchanged");
    }

    @Test
    void oldBackupDoesNotReviveStoppedTask() throws IOException {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        TaskId task = new TaskId(got.text("task_id"));
        world.stopAuthority();
        copy(data, backup);
        world.startAuthority();
        world.authority.revoke(new RevokeRequest(new RevokeRequest.What.Task(task), "operator", "test", false));
        world.stopAuthority();

        copy(backup, data);
        world.startAuthority();

        assertThat(world.authority.tasks().open(task)).isInstanceOf(Checked.Refused.class);
        assertThat(agent.renew(got.text("refresh_token"), Map.of()).error()).isEqualTo("invalid_grant");
    }

    @Test
    void renewalTokensOlderThanRestoreAreVoid() throws IOException {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        world.stopAuthority();
        copy(data, backup);
        world.startAuthority();
        agent.exchange("bob", Map.of());
        world.stopAuthority();

        copy(backup, data);
        world.startAuthority();

        assertThat(agent.renew(got.text("refresh_token"), Map.of()).error()).isEqualTo("invalid_grant");
        assertThat(world.records.events(got.text("task_id"))).doesNotContain(Event.REVOKED);
    }

    @Test
    void tokenOfTaskThatTheRestoredStoreDoesNotKnowOpensNothing() throws IOException {
        world.stopAuthority();
        copy(data, backup);
        world.startAuthority();
        AgentSide.Got got = agent.exchange("alice", Map.of());
        world.stopAuthority();

        copy(backup, data);
        world.startAuthority();

        assertThat(world.authority.tasks().open(new TaskId(got.text("task_id"))))
                .isInstanceOf(Checked.Refused.class);
    }

    @Test
    void usedTotalsSurviveRestartAndNeverGoDown() {
        TaskId task = new TaskId(agent.exchange("alice", Map.of()).text("task_id"));
        world.authority.tasks().used(Map.of(task, new Tasks.Used(5, 100, 0)));
        world.authority.tasks().used(Map.of(task, new Tasks.Used(3, 120, 0)));

        world.restart();

        assertThat(opened(task).used()).isEqualTo(new Tasks.Used(5, 120, 0));
    }

    @Test
    void taskKeyIsItsOwnAndStaysTheSame() {
        TaskId one = new TaskId(agent.exchange("alice", Map.of()).text("task_id"));
        TaskId two = new TaskId(agent.exchange("alice", Map.of()).text("task_id"));
        byte[] before = opened(one).key().getEncoded();

        world.restart();

        assertThat(opened(one).key().getEncoded()).isEqualTo(before).hasSize(32);
        assertThat(opened(two).key().getEncoded()).isNotEqualTo(before);
    }

    @Test
    void keysAndStoreBelongToTheirOwnerOnly() throws IOException {
        for (Path file : List.of(data.resolve("keys/store.key"), data.resolve("behalf.db"))) {
            assertThat(permissions(file)).as("%s", file).isEqualTo("OWNER_READ OWNER_WRITE");
        }
        assertThat(permissions(data.resolve("keys"))).isEqualTo("OWNER_EXECUTE OWNER_READ OWNER_WRITE");
    }

    /** Descriptions are checked where they come in; what was let in before that must still be read, and stopped. */
    @Test
    void taskOfBeforeDescriptionsWereCheckedLoads() {
        TaskId task = new TaskId(agent.exchange("alice", Map.of()).text("task_id"));
        Parts parts = world.authority.parts;
        KnownTask known =
                parts.store().read(sql -> parts.tasks().find(sql, task)).orElseThrow();
        TaskId old = parts.issuer().newTask();
        BehalfTask misleading = new BehalfTask(
                "Tidy up\nIt may do nothing else.",
                known.task().scope(),
                Limits.NONE,
                Optional.empty(),
                Optional.empty());
        KnownTask before = new KnownTask(
                old,
                known.agent(),
                known.onBehalfOf(),
                misleading,
                known.approved(),
                known.kind(),
                known.login(),
                known.identity(),
                known.created(),
                KnownTask.State.ACTIVE,
                Optional.empty());
        parts.store().transaction(sql -> {
            parts.tasks().insert(sql, before, new byte[32], Optional.empty());
            return true;
        });

        world.restart();

        assertThat(opened(old).id()).isEqualTo(old);
        RevokeRequest all = new RevokeRequest(new RevokeRequest.What.All(), "operator", "test", false);
        assertThat(world.authority.revoke(all).tasks()).containsExactlyInAnyOrder(task, old);
    }

    @Test
    void agentOfBeforeNamesWereCheckedLoadsUnderItsId() {
        world.authority.register(new Agent(
                "newcomer",
                "Newcomer",
                new Authentication.Secret(Digests.hex(World.SECRET)),
                Map.of(),
                Optional.of(Scope.of(Permission.of("tickets", List.of("read")))),
                Set.of(),
                Set.of(),
                Optional.empty(),
                1,
                Set.of()));
        world.stopAuthority();
        world.inStore("update agent set registration = replace(registration, 'Newcomer', 'New\\ncomer')");

        world.startAuthority();

        assertThat(world.authority.agent("newcomer").orElseThrow().displayName())
                .isEqualTo("newcomer");
    }

    @Test
    void signingKeyStaysAcrossRestarts() {
        Set<String> before =
                world.authority.issuers().of(world.base).orElseThrow().keys().keySet();

        world.restart();

        assertThat(world.authority.issuers().of(world.base).orElseThrow().keys().keySet())
                .isEqualTo(before);
    }

    private Tasks.Opened opened(TaskId task) {
        return switch (world.authority.tasks().open(task)) {
            case Checked.Passed<Tasks.Opened>(var opened) -> opened;
            case Checked.Refused<Tasks.Opened>(var refusal) -> throw new AssertionError(refusal);
        };
    }

    private List<Lifecycle> all() {
        List<Lifecycle> out = new ArrayList<>();
        world.records.lifecycle(out::add);
        return out;
    }

    private static String permissions(Path file) throws IOException {
        return Files.getPosixFilePermissions(file).stream()
                .map(Enum::name)
                .sorted()
                .collect(Collectors.joining(" "));
    }

    /** The store alone: keys do not change. */
    private static void copy(Path from, Path to) throws IOException {
        for (String name : List.of("behalf.db", "behalf.db-wal", "behalf.db-shm")) {
            Files.deleteIfExists(to.resolve(name));
            if (Files.exists(from.resolve(name))) {
                Files.copy(from.resolve(name), to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }
}
