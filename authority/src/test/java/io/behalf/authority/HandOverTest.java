package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.record.AuditRecord.Event;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Delegations made from delegations: they only narrow, and only in the right hands. */
class HandOverTest {
    @TempDir
    Path data;

    private World world;
    private AgentSide parent;
    private AgentSide child;
    private AgentSide.Got held;

    @BeforeEach
    void start() {
        world = new World(data);
        parent = world.agent("tickets");
        child = world.agent("summarizer");
        held = parent.exchange("alice", Map.of("scope", "tickets:search tickets:read customers:get"));
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @Test
    void childGetsLessScopeAndStandsBeforeItsParentInTheChain() {
        AgentSide.Got handed = handOver(parent, held, "summarizer", Map.of("scope", "tickets:read"));
        assertThat(handed.text("token_type")).isEqualTo("N_A");
        assertThat(handed.text("issued_token_type")).isEqualTo(AgentSide.HANDOVER);

        AgentSide.Got taken = take(child, handed);

        assertThat(taken.status()).as("%s", taken.json()).isEqualTo(200);
        Delegation d = delegation(taken);
        assertThat(d.actors()).containsExactly("summarizer", "tickets");
        assertThat(taken.claims().get("act")).isEqualTo(Map.of("sub", "summarizer", "act", Map.of("sub", "tickets")));
        assertThat(taken.text("scope")).isEqualTo("tickets:read");
        assertThat(taken.text("task_id")).isEqualTo(held.text("task_id"));
        assertThat(d.binding()).isEqualTo(new Binding.Key(child.key().thumbprint()));
        assertThat(world.records.events(held.text("task_id")))
                .containsExactly(Event.APPROVED, Event.ISSUED, Event.NARROWED);
    }

    @Test
    void childRenewsItsOwnPart() {
        AgentSide.Got taken = take(child, handOver(parent, held, "summarizer", Map.of("scope", "tickets:read")));

        AgentSide.Got renewed = child.renew(taken.text("refresh_token"), Map.of());

        assertThat(delegation(renewed).actors()).containsExactly("summarizer", "tickets");
        assertThat(renewed.text("scope")).isEqualTo("tickets:read");
        assertRefused(child.renew(taken.text("refresh_token"), Map.of("scope", "tickets:search")), "invalid_scope");
    }

    @Test
    void refusesHandOverOfMoreThanIsHeld() {
        assertRefused(handOver(parent, held, "summarizer", Map.of("scope", "tickets:delete")), "invalid_scope");
    }

    @Test
    void refusesHandOverTwice() {
        AgentSide.Got handed = handOver(parent, held, "summarizer", Map.of());
        assertThat(take(child, handed).status()).isEqualTo(200);

        assertRefused(take(child, handed), "invalid_request");
    }

    @Test
    void refusesHandOverTokenOfAnotherChild() {
        AgentSide.Got handed = handOver(parent, held, "summarizer", Map.of());

        assertRefused(take(world.agent("other"), handed), "invalid_request");
        assertRefused(take(parent, handed), "invalid_request");
    }

    @Test
    void refusesHandOverTokenAfterAMinute() {
        AgentSide.Got handed = handOver(parent, held, "summarizer", Map.of());
        world.clock.pass(HandOvers.HANDOVER_LIFE);

        assertRefused(take(child, handed), "invalid_request");
    }

    @Test
    void refusesChildThatParentMayNotHandOverTo() {
        assertRefused(handOver(parent, held, "other", Map.of()), "invalid_target");
        assertRefused(handOver(parent, held, "nobody-known", Map.of()), "invalid_target");
    }

    @Test
    void refusesChainDeeperThanTheTasksAgentAllows() {
        AgentSide.Got taken = take(child, handOver(parent, held, "summarizer", Map.of()));

        assertRefused(handOver(child, taken, "other", Map.of()), "invalid_request");
    }

    @Test
    void refusesHandOverByWhoIsNotTheHolder() {
        AgentSide thief = world.agent("other");
        assertRefused(handOver(thief, held, "summarizer", Map.of()), "invalid_request");
        assertRefused(handOver(thief.withKey(parent.key()), held, "summarizer", Map.of()), "invalid_request");
        assertRefused(
                handOver(world.agent("tickets").withKey(SigningKey.generate()), held, "summarizer", Map.of()),
                "invalid_request");
        assertRefused(handOver(world.agent("tickets").withoutProof(), held, "summarizer", Map.of()), "invalid_request");
    }

    @Test
    void refusesDelegationOfAnotherAgentAsSubjectToken() {
        assertRefused(
                child.exchangeToken(held.text("access_token"), Map.of("resource", world.base + "/http/tickets")),
                "invalid_request");
    }

    @Test
    void refusesDelegationWhereHandOverTokenBelongs() {
        Map<String, String> form = Map.of("subject_token_type", AgentSide.HANDOVER);
        assertRefused(child.exchangeToken(held.text("access_token"), form), "invalid_request");
        assertRefused(
                child.exchangeToken(
                        handOver(parent, held, "summarizer", Map.of()).text("access_token"), Map.of()),
                "invalid_request");
    }

    @Test
    void handOverTokenIsNoDelegation() {
        String token = handOver(parent, held, "summarizer", Map.of()).text("access_token");

        assertThat(parent.post("/oauth/introspect", Map.of("token", token)).json())
                .containsExactly(Map.entry("active", false));
    }

    @Test
    void childFallsWithItsParent() {
        AgentSide.Got handed = handOver(parent, held, "summarizer", Map.of());
        AgentSide.Got taken = take(child, handOver(parent, held, "summarizer", Map.of()));

        world.authority.revoke(new RevokeRequest(
                new RevokeRequest.What.Task(new TaskId(held.text("task_id"))), "operator", "test", false));

        assertThat(world.authority.revocations().stopped(delegation(taken))).isPresent();
        assertRefused(child.renew(taken.text("refresh_token"), Map.of()), "invalid_grant");
        assertRefused(take(child, handed), "invalid_request");
    }

    @Test
    void stopOfSubAgentLeavesItsParentAtWork() {
        AgentSide.Got taken = take(child, handOver(parent, held, "summarizer", Map.of()));

        Stopped stopped = world.authority.revoke(
                new RevokeRequest(new RevokeRequest.What.Agent("summarizer"), "operator", "test", false));

        assertThat(stopped.parts()).containsExactly(new TaskId(held.text("task_id")));
        assertThat(stopped.tasks()).isEmpty();
        assertThat(world.authority.revocations().stopped(delegation(taken))).isPresent();
        assertRefused(child.renew(taken.text("refresh_token"), Map.of()), "invalid_grant");
        assertThat(world.authority.revocations().stopped(delegation(held))).isEmpty();
        assertThat(parent.renew(held.text("refresh_token"), Map.of()).status()).isEqualTo(200);
        world.restart();
        assertThat(world.authority.revocations().stopped(delegation(taken))).isPresent();
    }

    @Test
    void childLeavesByGivingItsRenewalTokenBack() {
        AgentSide.Got taken = take(child, handOver(parent, held, "summarizer", Map.of()));

        child.post("/oauth/revoke", Map.of("token", taken.text("refresh_token")));

        assertThat(world.authority.revocations().stopped(delegation(taken))).isPresent();
        assertThat(parent.renew(held.text("refresh_token"), Map.of()).status()).isEqualTo(200);
    }

    @Test
    void holderGetsTokenForOneServiceThatLivesNoLonger() {
        world.clock.pass(Duration.ofMinutes(2));

        AgentSide.Got other =
                parent.exchangeToken(held.text("access_token"), Map.of("resource", world.base + "/http/tickets"));

        assertThat(other.status()).as("%s", other.json()).isEqualTo(200);
        assertThat(other.text("scope")).isEqualTo("tickets:search tickets:read");
        assertThat(other.claims().get("exp")).isEqualTo(held.claims().get("exp"));
        assertThat(other.json()).doesNotContainKey("refresh_token");
    }

    @Test
    void refusesToWidenByChangingAudienceBack() {
        AgentSide.Got narrow =
                parent.exchangeToken(held.text("access_token"), Map.of("resource", world.base + "/http/tickets"));

        AgentSide.Got back = parent.exchangeToken(narrow.text("access_token"), Map.of());

        assertThat(back.text("scope")).isEqualTo("tickets:search tickets:read");
    }

    @Test
    void mintsForServiceBoundToTheGatewaysKey() {
        SigningKey gateway = SigningKey.generate();

        Checked<MintedToken> minted = world.authority.mint(
                delegation(held), world.base + "/http/customers", new Binding.Key(gateway.thumbprint()));

        assertThat(minted).isInstanceOfSatisfying(Checked.Passed.class, passed -> {
            Delegation d = ((MintedToken) passed.value()).delegation();
            assertThat(d.audience()).isEqualTo(world.base + "/http/customers");
            assertThat(d.scope().shadow()).isEqualTo("customers:get");
            assertThat(d.binding()).isEqualTo(new Binding.Key(gateway.thumbprint()));
            assertThat(d.actors()).containsExactly("tickets");
            assertThat(d.expires()).isEqualTo(delegation(held).expires());
        });
        assertThat(world.records.events(held.text("task_id"))).contains(Event.NARROWED);
    }

    @Test
    void mintsNothingForServiceOutsideTheScope() {
        AgentSide.Got tickets = parent.exchange("alice", Map.of("scope", "tickets:search"));

        assertThat(world.authority.mint(
                        delegation(tickets),
                        world.base + "/http/customers",
                        new Binding.Key(SigningKey.generate().thumbprint())))
                .isInstanceOf(Checked.Refused.class);
    }

    private static AgentSide.Got handOver(AgentSide by, AgentSide.Got held, String to, Map<String, String> more) {
        Map<String, String> form = new LinkedHashMap<>(more);
        form.put("requested_token_type", AgentSide.HANDOVER);
        form.put("audience", to);
        return by.exchangeToken(held.text("access_token"), form);
    }

    private static AgentSide.Got take(AgentSide by, AgentSide.Got handed) {
        return by.exchangeToken(handed.text("access_token"), Map.of("subject_token_type", AgentSide.HANDOVER));
    }

    private static Delegation delegation(AgentSide.Got got) {
        return switch (DelegationClaims.fromJson(got.claims())) {
            case Checked.Passed<Delegation>(var d) -> d;
            case Checked.Refused<Delegation>(var refusal) -> throw new AssertionError(refusal);
        };
    }

    private static void assertRefused(AgentSide.Got got, String error) {
        assertThat(got.error()).as("%s", got.json()).isEqualTo(error);
        assertThat(got.json()).doesNotContainKey("access_token");
    }
}
