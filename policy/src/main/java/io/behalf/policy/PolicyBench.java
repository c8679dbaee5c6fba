package io.behalf.policy;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.Ask;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Surface;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;

/** The published figure of one decision, warm, on one thread: what {@code behalf bench policy} runs. */
public final class PolicyBench {
    private static final int SERVICES = 10;
    private static final int BATCH = 1_000;
    private static final int BATCHES = 200;

    private PolicyBench() {}

    /** Microseconds for one decision, over batches of {@value #BATCH}, the first half thrown away as warm-up. */
    public record Figures(int rules, double median, double p99) {}

    /** Half of the rules with an expression about the call, a twentieth for every service, ten services. */
    public static Figures run(int rules, Instant now) {
        Policy policy;
        try {
            policy = Policy.compile(new PolicySource(rules(rules), List.of(), Set.of(), true, 3));
        } catch (PolicyProblems e) {
            throw new IllegalStateException("the benchmark's own rules must compile", e);
        }
        Delegation delegation = delegation(now);
        double[] micros = new double[BATCHES];
        int permitted = 0;
        for (int batch = 0; batch < BATCHES * 2; batch++) {
            long start = System.nanoTime();
            for (int i = 0; i < BATCH; i++) {
                Ask ask = Ask.of("service-" + i % SERVICES, "read");
                if (policy.decide(Question.of(ask, delegation, Surface.MCP, now)) instanceof Decision.Permit) {
                    permitted++;
                }
            }
            micros[batch % BATCHES] = (System.nanoTime() - start) / 1_000.0 / BATCH;
        }
        if (permitted != BATCHES * 2 * BATCH) {
            throw new IllegalStateException("every call of the benchmark is permitted");
        }
        Arrays.sort(micros);
        return new Figures(rules, micros[BATCHES / 2], micros[BATCHES * 99 / 100]);
    }

    private static List<Rule> rules(int count) {
        List<Rule> rules = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rules.add(Rule.of(
                    "rule-" + i,
                    i % 3 == 0 ? Rule.Effect.FORBID : Rule.Effect.PERMIT,
                    i % 20 == 0 ? Set.of() : Set.of("service-" + i % SERVICES),
                    i % 4 == 0 ? Set.of() : Set.of(i % 4 == 1 ? "read" : "write-" + i),
                    i % 2 == 0 ? "agent == 'agent-" + i + "' && approval != 'interactive'" : "surface == 'llm'"));
        }
        return rules;
    }

    private static Delegation delegation(Instant now) {
        List<Permission> permissions = new ArrayList<>();
        for (int i = 0; i < SERVICES; i++) {
            permissions.add(Permission.of("service-" + i, List.of("read")));
        }
        Random random = new Random(1);
        return new Delegation(
                "https://authority.example",
                "https://gateway.example",
                Ids.next("dlg", now, random),
                new OnBehalfOf.Subject("corp:alice", "https://login.example", Ids.next("sbj", now, random)),
                List.of("agent"),
                new BehalfTask("Benchmark", new Scope(permissions), Limits.NONE, Optional.empty(), Optional.empty()),
                new TaskId(Ids.next("tsk", now, random)),
                now.plusSeconds(3_600),
                "A".repeat(43),
                Ids.next("apr", now, random),
                ApprovalKind.INTERACTIVE,
                Optional.empty(),
                new Binding.Unbound(),
                now,
                Optional.empty(),
                now.plusSeconds(300),
                Optional.empty());
    }
}
