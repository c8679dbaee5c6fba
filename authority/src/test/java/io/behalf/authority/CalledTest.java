package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Event;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** People by what they are called, as somebody who must stop one of them finds them: only where something still goes on. */
class CalledTest {
    private static final String ALICE = "dev:u-1001";

    @TempDir
    Path data;

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
    void personIsFoundByEverythingTheyAreCalled() {
        TaskId task = begin("alice");
        begin("bob");

        for (String called : List.of(ALICE, "u-1001", "alice@example.test", "Alice Doe", pseudonym(task))) {
            assertThat(world.authority.identities().called(called))
                    .as("%s", called)
                    .isEqualTo(Map.of(ALICE, List.of(task)));
        }
    }

    /** A name that looks alike is another one, so that nobody who only resembles somebody falls with them or keeps them up. */
    @Test
    void namesAreComparedLetterForLetter() {
        begin("alice");

        for (String other : List.of(
                "Alice",
                "alice doe",
                "Alice Doe ",
                "ALICE@example.test",
                "\u0410lice Doe",
                "Alice\u00a0Doe",
                "Alice Do\u200be")) {
            assertThat(world.authority.identities().called(other))
                    .as("%s", other)
                    .isEmpty();
        }
    }

    @Test
    void taskThatTheLedgerDoesNotKnowYetIsFound() {
        world.records.goAway();
        assertThat(agent.exchange("alice", Map.of()).status()).isEqualTo(503);

        assertThat(world.authority.identities().called("Alice Doe").get(ALICE)).hasSize(1);
    }

    @Test
    void tasksThatAreOverAreNotFound() {
        TaskId running = begin("alice");
        TaskId stopped = begin("alice");
        TaskId ended = begin("alice");
        TaskId erased = begin("alice");
        world.inStore(
                "update task set state = 'stopped' where id = '" + stopped + "'",
                "update task set state = 'ended' where id = '" + ended + "'",
                "update task set sealed_identity = null, sealed_key = null where id = '" + erased + "'");

        assertThat(world.authority.identities().called("Alice Doe")).isEqualTo(Map.of(ALICE, List.of(running)));
    }

    /** The stop can then be given again, to learn what has become of it. */
    @Test
    void taskWhoseStopTheStoreStillMustGetIsFound() {
        TaskId task = begin("alice");
        world.storeTakesNoStops();
        world.authority.revoke(new RevokeRequest(new RevokeRequest.What.Task(task), "operator", "test", false));

        assertThat(world.authority.identities().called("Alice Doe")).isEqualTo(Map.of(ALICE, List.of(task)));
        world.storeTakesStopsAgain();
    }

    @Test
    void everybodyOfANameIsToldWithTheirTasks() {
        TaskId one = begin("alice");
        TaskId two = begin("alice");
        TaskId namesake =
                begin(new Person("partner", "https://partner.test", "u-7", called("Alice Doe"), called("a@x.test")));
        TaskId disguised =
                begin(new Person("dev", "https://dev.test", "u-666", called("alice@example.test"), called("m@x.test")));
        TaskId sameId = begin(new Person("partner", "https://partner.test", "u-1001", called("Al"), Optional.empty()));

        var identities = world.authority.identities();
        assertThat(identities.called("Alice Doe").keySet()).containsExactly(ALICE, "partner:u-7");
        assertThat(identities.called("Alice Doe").get(ALICE)).containsExactlyInAnyOrder(one, two);
        assertThat(identities.called("Alice Doe").get("partner:u-7")).containsExactly(namesake);
        assertThat(identities.called("alice@example.test").keySet()).containsExactly(ALICE, "dev:u-666");
        assertThat(identities.called("alice@example.test").get("dev:u-666")).containsExactly(disguised);
        assertThat(identities.called("u-1001").keySet()).containsExactly(ALICE, "partner:u-1001");
        assertThat(identities.called("u-1001").get("partner:u-1001")).containsExactly(sameId);
    }

    @Test
    void idIsItsPersonsAloneWhateverOthersCallThemselves() {
        TaskId task = begin("alice");
        begin(new Person("dev", "https://dev.test", "u-666", called(ALICE), called(ALICE)));

        assertThat(world.authority.identities().called(ALICE)).isEqualTo(Map.of(ALICE, List.of(task)));
    }

    @Test
    void oneAmongManyIsFoundWithAllOfManyTasks() {
        int many = 2 * TaskTable.Search.STEP + 1;
        Person busy = new Person("dev", "https://dev.test", "u-7", called("Busy Bee"), Optional.empty());
        Person other = new Person("dev", "https://dev.test", "u-8", called("Other"), Optional.empty());
        KnownTask like = known(begin("bob"));
        List<KnownTask> tasks = IntStream.range(0, 2 * many)
                .mapToObj(i -> like(like, i % 2 == 0 ? busy : other))
                .toList();
        insert(tasks);

        var found = world.authority.identities().called("Busy Bee");

        assertThat(found.keySet()).containsExactly("dev:u-7");
        assertThat(found.get("dev:u-7")).hasSize(many).doesNotHaveDuplicates();
    }

    @Test
    void nobodyIsFoundInTasksWithoutAPerson() {
        assertThat(world.agent("nightly")
                        .token(Map.of("grant_type", "client_credentials"))
                        .status())
                .isEqualTo(200);

        assertThat(world.authority.identities().called("nightly")).isEmpty();
        assertThat(world.authority.identities().called("agent:nightly")).isEmpty();
    }

    @Test
    void findingSomebodyNeitherChangesNorRecordsAnything() {
        TaskId task = begin("alice");
        int before = world.records.size();

        assertThat(world.authority.identities().called("Alice Doe")).hasSize(1);

        assertThat(world.records.size()).isEqualTo(before);
        assertThat(world.records.events(task.value())).containsExactly(Event.APPROVED, Event.ISSUED);
    }

    private TaskId begin(String user) {
        return new TaskId(agent.exchange(user, Map.of()).text("task_id"));
    }

    /** A task of somebody whom the pretend providers do not know. */
    private TaskId begin(Person person) {
        KnownTask task = like(known(begin("bob")), person);
        insert(List.of(task));
        return task.id();
    }

    private KnownTask like(KnownTask other, Person person) {
        Parts parts = world.authority.parts;
        return new KnownTask(
                parts.issuer().newTask(),
                other.agent(),
                new OnBehalfOf.Subject(person.subjectId(), person.issuer(), "sbj_01JNA0000000000000000000AB"),
                other.task(),
                other.approved(),
                other.kind(),
                other.login(),
                Optional.of(new KnownTask.Identity(person, parts.handle(), Map.of())),
                other.created(),
                KnownTask.State.ACTIVE,
                Optional.empty());
    }

    private void insert(List<KnownTask> tasks) {
        Parts parts = world.authority.parts;
        parts.store().transaction(sql -> {
            tasks.forEach(task -> parts.tasks().insert(sql, task, new byte[32], Optional.empty()));
            return true;
        });
    }

    private static Optional<String> called(String name) {
        return Optional.of(name);
    }

    private String pseudonym(TaskId task) {
        return known(task).onBehalfOf() instanceof OnBehalfOf.Subject person ? person.pseudonym() : "";
    }

    private KnownTask known(TaskId task) {
        Parts parts = world.authority.parts;
        return parts.store().read(sql -> parts.tasks().find(sql, task)).orElseThrow();
    }
}
