package io.behalf.authority;

import static io.behalf.authority.ApprovalTest.VERIFIER;
import static io.behalf.authority.ApprovalTest.redeem;
import static io.behalf.authority.ApprovalTest.with;
import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Binding;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.record.AuditRecord.Event;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a lost answer costs, which is nothing, and what a copied code costs, which is the task. */
class CodesTest {
    private static final Duration SOON = Duration.ofSeconds(30);

    @TempDir
    Path data;

    private World world;
    private AgentSide agent;
    private String code;

    @BeforeEach
    void approve() {
        world = new World(data);
        agent = world.agent("tickets");
        Browser browser = new Browser(world.base);
        AgentSide.Got pushed = agent.post("/oauth/par", ApprovalTest.request());
        browser.open(ApprovalTest.authorize(world, pushed)).signIn(world, "alice");
        browser.submit("decision", "approve", "permission", "0", "permission", "1", "permission", "2", "end", "21600");
        code = String.valueOf(browser.query().get("code"));
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @Test
    void codeWorksOnceAndItsSecondUseStopsTheTask() {
        AgentSide.Got got = agent.token(redeem(code));

        assertRefused(agent.token(redeem(code)));

        assertThat(agent.renew(got.text("refresh_token"), Map.of()).error()).isEqualTo("invalid_grant");
        assertThat(events()).contains(Event.REVOKED);
    }

    @ParameterizedTest
    @EnumSource
    void usedCodeInOtherHandsStopsTheTask(Hands hands) {
        assertThat(agent.token(redeem(code)).status()).isEqualTo(200);

        assertRefused(shownBy(hands));

        assertThat(events()).contains(Event.REVOKED);
    }

    /** Nothing was begun with it; as after a crash at the same place. */
    @Test
    void codeStaysGoodWhereItsDelegationCannotBeStored() {
        world.inStore("create trigger no_space before insert on renewal begin select raise(abort, 'no space'); end");
        assertThat(agent.token(redeem(code)).error()).isEqualTo("server_error");

        world.inStore("drop trigger no_space");
        assertThat(agent.token(redeem(code)).status()).isEqualTo(200);
    }

    @Test
    void codeStaysGoodWhereTheLedgerDidNotTakeItsDelegation() {
        world.records.goAway();
        assertThat(agent.token(redeem(code)).status()).isEqualTo(503);
        world.records.comeBack();

        assertGoodOnce();
    }

    @Test
    void codeStaysGoodAfterAKillBetweenStoreAndLedger() {
        world.records.goAway();
        assertThat(agent.token(redeem(code)).status()).isEqualTo(503);
        world.stopAuthority();
        world.records.comeBack();
        world.startAuthority();

        assertGoodOnce();
    }

    @Test
    void codeStaysGoodAfterAKillBetweenLedgerAndAnswer() {
        world.records.keepButFail();
        assertThat(agent.token(redeem(code)).status()).isEqualTo(503);
        world.stopAuthority();
        world.records.comeBack();
        world.startAuthority();

        assertGoodOnce();
    }

    @Test
    void codeWhoseRedemptionWasNotAnsweredStillEndsAfterAMinute() {
        world.records.goAway();
        assertThat(agent.token(redeem(code)).status()).isEqualTo(503);
        world.records.comeBack();
        world.clock.pass(Approvals.CODE_LIFE);

        assertRefused(agent.token(redeem(code)));

        assertThat(events()).doesNotContain(Event.REVOKED);
    }

    /** Its own agent waits for the answer, so somebody else has a copy. */
    @ParameterizedTest
    @EnumSource
    void codeWhoseRedemptionWasNotAnsweredIsOnlyGoodInTheSameHands(Hands hands) {
        world.records.goAway();
        assertThat(agent.token(redeem(code)).status()).isEqualTo(503);
        world.records.comeBack();

        assertRefused(shownBy(hands));

        assertThat(events()).contains(Event.REVOKED);
        assertRefused(agent.token(redeem(code)));
    }

    @Test
    void twoEqualRedemptionsAtOnceAreOne() throws Exception {
        Parts parts = world.authority.parts;
        Codes codes =
                new Codes(parts, new Starts(parts), new Stops(parts, new OwedStops(parts.changes(), parts.stops())));
        CompletableFuture<Void> answered = world.records.beSlow();
        int before = world.records.size();
        FutureTask<Answer<Granted>> first = new FutureTask<>(() -> codes.redeem(request()));
        FutureTask<Answer<Granted>> second = new FutureTask<>(() -> codes.redeem(request()));
        Thread.ofPlatform().start(first);
        await(() -> world.records.size() > before);
        Thread joining = Thread.ofPlatform().start(second);
        // the one place in it that waits for a bounded time is for the other's answer
        await(() -> joining.getState() == Thread.State.TIMED_WAITING);

        answered.complete(null);

        Answer<Granted> one = first.get(SOON.toSeconds(), TimeUnit.SECONDS);
        assertThat(one).isInstanceOf(Answer.Ok.class);
        assertThat(second.get(SOON.toSeconds(), TimeUnit.SECONDS)).isEqualTo(one);
        assertThat(events()).containsExactly(Event.APPROVED, Event.ISSUED);
    }

    // ---- what is done

    private void assertGoodOnce() {
        AgentSide.Got got = agent.token(redeem(code));
        assertThat(got.status()).as("%s", got.json()).isEqualTo(200);
        assertThat(agent.renew(got.text("refresh_token"), Map.of()).status()).isEqualTo(200);
        assertThat(events()).doesNotContain(Event.REVOKED);

        assertRefused(agent.token(redeem(code)));
        assertThat(events()).contains(Event.REVOKED);
    }

    /** Somebody who has the code and lacks one of the things that go with it. */
    enum Hands {
        OF_ANOTHER_CLIENT,
        WITHOUT_THE_VERIFIER,
        WITHOUT_THE_KEY
    }

    private AgentSide.Got shownBy(Hands hands) {
        return switch (hands) {
            case OF_ANOTHER_CLIENT -> world.agent("other").withKey(agent.key()).token(redeem(code));
            case WITHOUT_THE_VERIFIER -> agent.token(with(redeem(code), "code_verifier", VERIFIER + "x"));
            case WITHOUT_THE_KEY ->
                world.agent("tickets").withKey(SigningKey.generate()).token(redeem(code));
        };
    }

    private TokenRequest request() {
        Map<String, List<String>> form = new LinkedHashMap<>();
        redeem(code).forEach((name, value) -> form.put(name, List.of(value)));
        return new TokenRequest(
                new Form(form),
                world.authority.agent("tickets").orElseThrow(),
                new Binding.Key(agent.key().thumbprint()),
                world.clock.instant());
    }

    /** Of the last task. */
    private List<Event> events() {
        return world.records.events(world.records.lastTask());
    }

    private static void await(BooleanSupplier holds) throws InterruptedException {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!holds.getAsBoolean()) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }

    private static void assertRefused(AgentSide.Got got) {
        assertThat(got.error()).as("%s", got.json()).isEqualTo("invalid_grant");
        assertThat(got.json()).doesNotContainKey("access_token");
    }
}
