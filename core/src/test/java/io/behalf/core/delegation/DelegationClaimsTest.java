package io.behalf.core.delegation;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.json.Json;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DelegationClaimsTest {
    private static final Instant NOW = Instant.parse("2026-11-24T09:00:00Z");

    static List<Delegation> delegations() {
        OnBehalfOf alice =
                new OnBehalfOf.Subject("corp:alice:42", "https://login.example", "sbj_01KAW7Z5Q0E8XJ5N4M3C2B1A01");
        OnBehalfOf nobody = new OnBehalfOf.NoSubject("scheduled", "nightly-reconciliation");
        Scope wide = Scope.of(
                Permission.of("tickets", List.of("search", "read")),
                Permission.of("files", List.of("*"), List.of("a/*", "b"), Map.of("quarter", List.of("Q1", "Q2"))));
        return List.of(
                delegation(alice, List.of("ticket-agent"), wide, ApprovalKind.INTERACTIVE, new Binding.Unbound()),
                delegation(alice, List.of("c", "b", "a"), wide, ApprovalKind.ASSERTED, new Binding.Key("k".repeat(43))),
                delegation(
                        nobody,
                        List.of("cron"),
                        Scope.NONE,
                        ApprovalKind.NONE,
                        new Binding.Certificate("x".repeat(43))),
                delegation(alice, List.of("many"), manyActions(), ApprovalKind.STANDING, new Binding.Unbound()));
    }

    @ParameterizedTest
    @MethodSource("delegations")
    void readsBackWhatItWrote(Delegation d) throws Exception {
        byte[] bytes = Json.canonical(DelegationClaims.toJson(d));

        assertThat(DelegationClaims.fromJson(Json.readObject(bytes))).isEqualTo(Checked.passed(d));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "iss",
                "aud",
                "jti",
                "iat",
                "exp",
                "sub",
                "idp",
                "sbj",
                "client_id",
                "act",
                "scope",
                "authorization_details",
                "task_id",
                "task_exp",
                "task_s256",
                "approval_id",
                "approval_kind"
            })
    void refusesMissingNullAndMistypedClaims(String claim) {
        assertMalformed(c -> c.remove(claim));
        assertMalformed(c -> c.put(claim, null));
        assertMalformed(c -> c.put(claim, true));
        assertMalformed(c -> c.put(claim, List.of()));
        assertMalformed(c -> c.put(claim, Map.of()));
        assertMalformed(c -> c.put(claim, -1L));
        assertMalformed(c -> c.put(claim, "\n".repeat(5_000)));
    }

    @Test
    void refusesTwoAnswersToWhoIsBehindIt() {
        Map<String, Object> nobody = Map.of("category", "scheduled", "reason_code", "nightly");
        assertMalformed(c -> c.put("no_subject", nobody));
        assertMalformed(c -> {
            c.put("no_subject", nobody);
            c.remove("idp");
        });
        assertMalformed(c -> {
            c.put("no_subject", nobody);
            c.remove("idp");
            c.remove("sbj");
        }); // sub is a person's
        assertMalformed(c -> c.put("sub", "agent:ticket-agent")); // an agent posing as its own subject
        assertMalformed(c -> c.put("sub", "alice@example.com"));
        assertMalformed(c -> c.put("approval_kind", "none"));
        assertMalformed(c -> c.put("approval_kind", "INTERACTIVE"));
    }

    @Test
    void refusesActorsThatAreNotOneChain() {
        assertMalformed(c -> c.put("client_id", "other"));
        assertMalformed(c -> c.put("act", Map.of("sub", "other")));
        assertMalformed(c -> c.put("act", Map.of("sub", "ticket-agent", "act", "root")));
        assertMalformed(c -> c.put("act", Map.of("sub", "ticket-agent", "act", Map.of())));
        assertMalformed(c -> c.put("act", Map.of("sub", "ticket-agent", "exp", 1L))); // RFC 8693 §4.1
        assertMalformed(c -> c.put("act", nested(Delegation.MAX_ACTORS + 1)));
        assertMalformed(c -> c.put("act", Map.of("sub", "ticket-agent", "act", Map.of("sub", "a b"))));
    }

    @Test
    void refusesBindingToTwoHoldersOrToSomethingElse() {
        assertMalformed(c -> c.put("cnf", Map.of()));
        assertMalformed(c -> c.put("cnf", Map.of("jkt", "short")));
        assertMalformed(c -> c.put("cnf", Map.of("jwk", Map.of("kty", "EC"))));
        assertMalformed(c -> c.put("cnf", Map.of("jkt", "k".repeat(43), "x5t#S256", "x".repeat(43))));
        assertMalformed(c -> c.put("cnf", "k".repeat(43)));
    }

    @Test
    void refusesScopeThatSaysSomethingElseThanTheDetails() {
        assertMalformed(c -> c.put("scope", "tickets:read"));
        assertMalformed(c -> c.put("scope", "tickets:read tickets:search files:* tickets:delete"));
        assertMalformed(c -> c.put("scope", ""));
    }

    @Test
    void acceptsScopeWordsInAnotherOrder() {
        Map<String, @Nullable Object> claims = claims();
        claims.put("scope", "files:* tickets:search tickets:read");

        assertThat(DelegationClaims.fromJson(claims)).isInstanceOf(Checked.Passed.class);
    }

    @Test
    void refusesTimesThatAreNoWholeSeconds() {
        assertMalformed(c -> c.put("exp", new BigDecimal("1.5")));
        assertMalformed(c -> c.put("exp", Long.MAX_VALUE));
        assertMalformed(c -> c.put("nbf", "now"));
        assertMalformed(c -> c.put("exp", NOW.plusSeconds(999_999).getEpochSecond())); // beyond task_exp
    }

    @Test
    void refusesDetailsThatAreNotOneTask() {
        Map<String, @Nullable Object> task = delegations().get(0).task().toJson();
        assertMalformed(c -> c.put("authorization_details", List.of(task, task)));
        assertMalformed(c -> c.put("authorization_details", task));
        for (String member : List.of("type", "description", "permissions")) {
            Map<String, @Nullable Object> less = new HashMap<>(task);
            less.remove(member);
            assertMalformed(c -> c.put("authorization_details", List.of(less)));
        }
        Map<String, @Nullable Object> more = new HashMap<>(task);
        more.put("actions", List.of("delete")); // RFC 9396 §5: an unknown member is refused, not ignored
        assertMalformed(c -> c.put("authorization_details", List.of(more)));
        Map<String, @Nullable Object> unlimited = new HashMap<>(task);
        unlimited.put(
                "permissions",
                List.of(Map.of("service", "tickets", "actions", List.of("read"), "resources", List.of())));
        assertMalformed(c -> c.put("authorization_details", List.of(unlimited)));
    }

    @Test
    void ignoresClaimsThatItDoesNotKnow() {
        Map<String, @Nullable Object> claims = claims();
        claims.put("https://example/extra", Map.of("a", 1L));

        assertThat(DelegationClaims.fromJson(claims)).isInstanceOf(Checked.Passed.class);
    }

    @Test
    void neverRepeatsAValueInItsMessages() {
        for (String claim : claims().keySet()) {
            Map<String, @Nullable Object> claims = claims();
            claims.put(claim, "s3cret-" + claim);
            if (DelegationClaims.fromJson(claims) instanceof Checked.Refused<Delegation> no) {
                assertThat(no.refusal().toString()).doesNotContain("s3cret");
            }
        }
    }

    @Test
    void hashesTheApprovedTextWithItsSalt() {
        ApprovedTask task = new ApprovedTask(
                "apr_01KAW7Z5Q0E8XJ5N4M3C2B1A03",
                "ticket-agent",
                Scope.of(Permission.of("tickets", List.of("read"))),
                Limits.calls(200),
                NOW,
                "ticket-agent may READ tickets",
                "en",
                "A".repeat(43));

        assertThat(new String(Json.canonical(task.toJson()), StandardCharsets.UTF_8))
                .isEqualTo("{\"agent\":\"ticket-agent\",\"approval_id\":\"apr_01KAW7Z5Q0E8XJ5N4M3C2B1A03\","
                        + "\"end\":\"2026-11-24T09:00:00Z\",\"limits\":{\"calls\":200},\"locale\":\"en\","
                        + "\"permissions\":[{\"actions\":[\"read\"],\"service\":\"tickets\"}],"
                        + "\"salt\":\"" + "A".repeat(43) + "\",\"text\":\"ticket-agent may READ tickets\"}");
        assertThat(task.s256()).hasSize(43);
    }

    private static void assertMalformed(Consumer<Map<String, @Nullable Object>> change) {
        Map<String, @Nullable Object> claims = claims();
        change.accept(claims);
        String answer = DelegationClaims.fromJson(claims)
                .fold(Delegation::toString, refusal -> refusal.reason().code());
        assertThat(answer).isEqualTo("delegation_malformed");
    }

    private static Map<String, @Nullable Object> claims() {
        return new LinkedHashMap<>(DelegationClaims.toJson(delegations().get(0)));
    }

    private static Map<String, @Nullable Object> nested(int actors) {
        Map<String, @Nullable Object> act = new HashMap<>();
        act.put("sub", "ticket-agent");
        for (int i = 1; i < actors; i++) {
            Map<String, @Nullable Object> outer = new HashMap<>();
            outer.put("sub", "ticket-agent");
            outer.put("act", act);
            act = outer;
        }
        return act;
    }

    private static Scope manyActions() {
        List<Permission> permissions = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            List<String> actions = new ArrayList<>();
            for (int a = 0; a < 30; a++) {
                actions.add("action-" + a);
            }
            permissions.add(Permission.of("service-" + i, actions));
        }
        return new Scope(permissions);
    }

    private static Delegation delegation(
            OnBehalfOf who, List<String> actors, Scope scope, ApprovalKind kind, Binding binding) {
        return new Delegation(
                "https://authority.example",
                "https://gateway.example/mcp/tickets",
                "dlg_01KAW7Z5Q0E8XJ5N4M3C2B1A00",
                who,
                actors,
                new BehalfTask(
                        "Summarize last quarter's enterprise tickets",
                        scope,
                        new Limits(OptionalLong.of(200), OptionalLong.of(1_000_000), OptionalLong.empty()),
                        Optional.of(Duration.ofHours(8)),
                        Optional.of("three-years")),
                new TaskId("tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A02"),
                NOW.plusSeconds(3_600),
                "s".repeat(43),
                "apr_01KAW7Z5Q0E8XJ5N4M3C2B1A03",
                kind,
                Optional.of(new Delegation.Login(NOW.minusSeconds(60), Optional.of("phr"), List.of("hwk", "pin"))),
                binding,
                NOW,
                Optional.of(NOW),
                NOW.plusSeconds(300),
                Optional.of(new Delegation.StatusReference("https://authority.example/oauth/status/0", 7)));
    }
}
