package io.behalf.verifier;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.IntConsumer;

/** The published figures of one verification, warm, on one thread: what {@code behalf bench verifier} runs. */
public final class VerifierBench {
    private static final String ISSUER = "https://authority.example";
    private static final String URL = "https://gateway.example/mcp/tickets";

    /** Rounds of each figure after which they no longer change: the compiler has done its work. */
    public static final int ROUNDS = 10_000;

    private VerifierBench() {}

    /**
     * Medians in microseconds.
     *
     * @param provider who computes signatures
     * @param rawCheck one ES256 signature check and nothing else: what the others are compared with
     * @param newToken a token not seen before, unbound
     * @param knownToken the same token again
     * @param knownTokenWithProof the same token again, with a new DPoP proof
     */
    public record Figures(
            String provider, double rawCheck, double newToken, double knownToken, double knownTokenWithProof) {}

    /** @param rounds measured, after as many for warm-up; {@link #ROUNDS} for figures that are published */
    public static Figures run(int rounds, Instant now) {
        SigningKey authority = SigningKey.generate();
        SigningKey agent = SigningKey.generate();
        IssuerKeys keys = IssuerKeys.of(authority.publicKey());
        DelegationVerifier verifier =
                new DelegationVerifier(issuer -> Optional.of(keys), Revocations.NONE, new DpopProofs());

        List<String> tokens = new ArrayList<>();
        List<String> proofs = new ArrayList<>();
        String bound = token(authority, new Binding.Key(agent.thumbprint()), now, 0);
        for (int i = 0; i < 2 * rounds; i++) {
            tokens.add(token(authority, new Binding.Unbound(), now, i));
            proofs.add(DpopProof.sign(agent, "POST", URL, now, "jti-" + i, Optional.of(bound), Optional.empty()));
        }
        byte[] text = tokens.get(0).getBytes(StandardCharsets.US_ASCII);
        byte[] signature = authority.sign(text);

        double raw = median(rounds, i -> require(authority.publicKey().verifies(text, signature)));
        double fresh = median(rounds, i -> pass(verifier.verify(bearer(tokens.get(i)), now)));
        double known = median(rounds, i -> pass(verifier.verify(bearer(tokens.get(0)), now)));
        double proved = median(rounds, i -> pass(verifier.verify(dpop(bound, proofs.get(i)), now)));
        return new Figures(authority.algorithm().provider(), raw, fresh, known, proved);
    }

    private static double median(int rounds, IntConsumer work) {
        double[] micros = new double[rounds];
        for (int i = 0; i < 2 * rounds; i++) {
            long start = System.nanoTime();
            work.accept(i);
            micros[i % rounds] = (System.nanoTime() - start) / 1_000.0;
        }
        Arrays.sort(micros);
        return micros[rounds / 2];
    }

    private static void pass(Checked<VerifiedDelegation> checked) {
        require(checked instanceof Checked.Passed);
    }

    private static void require(boolean held) {
        if (!held) {
            throw new IllegalStateException("everything in the benchmark is genuine");
        }
    }

    private static Presented bearer(String token) {
        return presented(token, Presented.Scheme.BEARER, List.of());
    }

    private static Presented dpop(String token, String proof) {
        return presented(token, Presented.Scheme.DPOP, List.of(proof));
    }

    private static Presented presented(String token, Presented.Scheme scheme, List<String> proofs) {
        return new Presented(Optional.of(token), scheme, proofs, Optional.empty(), "POST", URL, Set.of(URL), true);
    }

    private static String token(SigningKey authority, Binding binding, Instant now, int seed) {
        Random random = new Random(seed);
        Delegation d = new Delegation(
                ISSUER,
                URL,
                Ids.next("dlg", now, random),
                new OnBehalfOf.Subject("corp:alice", "https://login.example", Ids.next("sbj", now, random)),
                List.of("ticket-agent"),
                new BehalfTask(
                        "Summarize last quarter's enterprise tickets",
                        Scope.of(Permission.of("tickets", List.of("read", "search"))),
                        Limits.calls(200),
                        Optional.empty(),
                        Optional.empty()),
                new TaskId(Ids.next("tsk", now, random)),
                now.plusSeconds(3_600),
                "A".repeat(43),
                Ids.next("apr", now, random),
                ApprovalKind.INTERACTIVE,
                Optional.empty(),
                binding,
                now,
                Optional.empty(),
                now.plusSeconds(300),
                Optional.empty());
        return CompactJws.sign(authority, DelegationClaims.TYPE, authority.thumbprint(), DelegationClaims.toJson(d));
    }
}
