package io.behalf.verifier;

import static io.behalf.verifier.Forge.NOW;
import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Ask;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.delegation.WithinDelegation;
import io.behalf.core.delegation.Wording;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.core.record.RecordDecoder;
import io.behalf.core.record.RecordEncoder;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

final class ServiceGuardTest {
    private static final String GATEWAY_RECORD = "rec_01KAW7Z5Q0E8XJ5N4M3C2B1A77";

    private final Forge forge = new Forge();
    private final SigningKey serviceKey = SigningKey.generate();
    private final DownstreamChain chain = new DownstreamChain("tickets", serviceKey, DownstreamChain.Position.START);
    private final ServiceGuard guard = new ServiceGuard(
            new DelegationVerifier(forge.issuers(), Revocations.NONE, new DpopProofs()),
            new WithinDelegation(3, Wording.PLAIN),
            chain);

    @Test
    void passesCallWithinTheDelegationAndSignsItsRecord() {
        ServiceGuard.Guarded guarded = check("search", forge.token());

        assertThat(guarded.answer()).isInstanceOf(Checked.Passed.class);
        Downstream record = guarded.record().orElseThrow();
        assertThat(DownstreamChain.signedBy(record, serviceKey.publicKey())).isTrue();
        assertThat(record.of()).contains(GATEWAY_RECORD);
        assertThat(record.header().task()).contains(forge.delegation().taskId());
        assertThat(record.downstream().seenJti()).isEqualTo(forge.delegation().jti());
        assertThat(record.decision())
                .hasValueSatisfying(d -> assertThat(d.permit()).isTrue());
    }

    @Test
    void refusesCallOutsideTheDelegationAndSignsThatToo() {
        ServiceGuard.Guarded guarded = check("delete", forge.token());

        Refusal refusal = DelegationVerifierTest.refused(guarded.answer());
        assertThat(refusal.reason()).isEqualTo(Reason.SCOPE_EXCEEDED);
        assertThat(refusal.authentic()).isPresent();
        assertThat(guarded.record().orElseThrow().decision())
                .hasValueSatisfying(d -> assertThat(d.reason()).contains("scope_exceeded"));
    }

    @Test
    void recordsExpiredDelegationOfItsHolderAndNothingOfStrangers() {
        String expired = forge.tokenWith(c -> c.put("exp", NOW.getEpochSecond()));

        assertThat(check("search", expired).record()).isPresent();
        assertThat(check("search", "nonsense").record()).isEmpty();
        assertThat(chain.position().records()).isEqualTo(1);
    }

    /** Anybody with a delegation for another address could end the service's chain: the ledger takes no such record. */
    @Test
    void recordsNothingOfADelegationForAnotherAddress() {
        String elsewhere = forge.tokenWith(c -> c.put("aud", "https://elsewhere.test"));

        assertThat(DelegationVerifierTest.refused(check("search", elsewhere).answer())
                        .reason())
                .isEqualTo(Reason.AUDIENCE_MISMATCH);
        assertThat(check("search", elsewhere).record()).isEmpty();
        assertThat(chain.position()).isEqualTo(DownstreamChain.Position.START);
    }

    /** The header is the caller's, who need not be a gateway. */
    @Test
    void passesOverARecordIdThatIsNone() {
        for (String of : List.of("", "rec_", "nonsense", GATEWAY_RECORD + "1", GATEWAY_RECORD.replace("rec", "tsk"))) {
            assertThat(check("search", forge.token(), of, List.of("tickets/1"))
                            .record()
                            .orElseThrow()
                            .of())
                    .as(of)
                    .isEmpty();
        }
    }

    /** The ledger's node writes a record again from its fields: what the service signed must still be there then. */
    @Test
    void signatureSurvivesMoreResourcesThanARecordHolds() throws Exception {
        List<String> many = Stream.iterate(0, i -> i < 100, i -> i + 1)
                .map(i -> "tickets/" + i)
                .toList();
        Downstream sent =
                check("search", forge.token(), GATEWAY_RECORD, many).record().orElseThrow();
        CanonicalWriter out = new CanonicalWriter();
        RecordEncoder.encode(sent, 0, null, out);
        Downstream read = (Downstream) RecordDecoder.decode(out.toByteArray()).record();
        List<String> kept = read.call().orElseThrow().resources();

        assertThat(DownstreamChain.signedBy(read, serviceKey.publicKey())).isTrue();
        assertThat(DownstreamChain.leaf(read)).isEqualTo(chain.position().last().orElseThrow());
        assertThat(kept).hasSize(RecordEncoder.MAX_RESOURCES).startsWith("tickets/0", "tickets/1");
        assertThat(kept.get(kept.size() - 1)).startsWith("sha256:").endsWith(":85");
    }

    @Test
    void chainsItsRecordsWithoutHoles() {
        Downstream first = check("search", forge.token()).record().orElseThrow();
        Downstream second = check("read", forge.token()).record().orElseThrow();

        assertThat(first.downstream().seq()).isEqualTo(1);
        assertThat(first.downstream().prev()).isEmpty();
        assertThat(second.downstream().seq()).isEqualTo(2);
        assertThat(second.downstream().prev()).contains(DownstreamChain.leaf(first));
        assertThat(chain.position())
                .isEqualTo(new DownstreamChain.Position(2, Optional.of(DownstreamChain.leaf(second))));
    }

    @Test
    void signatureSurvivesTheLedgersOwnIdTimeAndNodeAndNothingElse() throws Exception {
        Downstream sent = check("search", forge.token()).record().orElseThrow();
        CanonicalWriter out = new CanonicalWriter();
        RecordEncoder.encode(sent, 0, null, out);
        Downstream read = (Downstream) RecordDecoder.decode(out.toByteArray()).record();
        AuditRecord.Header h = read.header();
        AuditRecord.Header placed = new AuditRecord.Header(
                GATEWAY_RECORD,
                NOW.plusSeconds(9),
                "node-1",
                h.task(),
                h.basis(),
                h.actors(),
                h.delegation(),
                h.trace(),
                h.late());
        AuditRecord.Header otherActor = new AuditRecord.Header(
                h.id(),
                h.time(),
                h.node(),
                h.task(),
                h.basis(),
                List.of("somebody-else"),
                h.delegation(),
                h.trace(),
                h.late());

        assertThat(DownstreamChain.signedBy(withHeader(read, placed), serviceKey.publicKey()))
                .isTrue();
        assertThat(DownstreamChain.signedBy(withHeader(read, otherActor), serviceKey.publicKey()))
                .isFalse();
        assertThat(DownstreamChain.signedBy(read, SigningKey.generate().publicKey()))
                .isFalse();
    }

    @Test
    void readsTheHeadersOfARequest() {
        assertThat(presented(List.of("dpop a.b.c"), List.of("p")).fold(Presented::scheme, r -> Presented.Scheme.NONE))
                .isEqualTo(Presented.Scheme.DPOP);
        assertThat(presented(List.of("Bearer  a.b.c "), List.of()).fold(Presented::token, r -> Optional.empty()))
                .contains("a.b.c");
        assertThat(presented(List.of("Basic eDp5"), List.of()).fold(Presented::token, r -> Optional.of("?")))
                .isEmpty();
        assertThat(presented(List.of(), List.of()).fold(Presented::token, r -> Optional.of("?")))
                .isEmpty();
        assertThat(DelegationVerifierTest.refused(presented(List.of("Bearer a", "DPoP b"), List.of()))
                        .reason())
                .isEqualTo(Reason.REQUEST_MALFORMED);
    }

    private ServiceGuard.Guarded check(String action, String token) {
        return check(action, token, GATEWAY_RECORD, List.of());
    }

    private ServiceGuard.Guarded check(String action, String token, String of, List<String> resources) {
        return guard.check(
                Forge.dpop(token, forge.proof(token)),
                Ask.of("tickets", action),
                new Call(
                        Surface.DOWNSTREAM,
                        "tickets",
                        action,
                        resources,
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        -1),
                Optional.of(of),
                Optional.empty(),
                NOW);
    }

    private static Downstream withHeader(Downstream d, AuditRecord.Header header) {
        return new Downstream(header, d.of(), d.call(), d.decision(), d.downstream());
    }

    private static Checked<Presented> presented(List<String> authorization, List<String> proofs) {
        return Presented.fromHeaders(
                authorization, proofs, Optional.empty(), "GET", Forge.URL, Set.of(Forge.AUDIENCE), false);
    }
}
