package io.behalf.verifier;

import io.behalf.core.delegation.Ask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.delegation.WithinDelegation;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.core.record.AuditRecord.Trace;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a service behind a gateway runs in its request filter: it checks the delegation itself, decides on the user's
 * rights and not on the caller's key, and makes its own signed record of that. Knows no framework: a filter turns its
 * request into {@link Presented}, and the answer into a status. Thread-safe, never blocks.
 */
public final class ServiceGuard {
    private final DelegationVerifier verifier;
    private final WithinDelegation within;
    private final DownstreamChain chain;
    private final String policySha256;

    public ServiceGuard(DelegationVerifier verifier, WithinDelegation within, DownstreamChain chain) {
        this.verifier = verifier;
        this.within = within;
        this.chain = chain;
        this.policySha256 = hex(Json.canonical(
                Map.of("rules", List.of(WithinDelegation.RULE), "max_actors", (long) within.maxActors())));
    }

    /**
     * The answer, and the record to send to the ledger.
     *
     * @param record empty where nobody authentic asked: strangers must not be able to fill a ledger
     */
    public record Guarded(Checked<VerifiedDelegation> answer, Optional<Downstream> record) {}

    /**
     * Checks and decides one request.
     *
     * @param ask what it wants, for the decision
     * @param call the same, for the record
     * @param of the {@code Behalf-Record} header that the gateway sent along; what is no record's id there is passed over
     */
    public Guarded check(Presented p, Ask ask, Call call, Optional<String> of, Optional<Trace> trace, Instant now) {
        Checked<VerifiedDelegation> shown = verifier.verify(p, now);
        Optional<String> gateways = of.filter(id -> Ids.valid("rec", id));
        if (shown instanceof Checked.Passed<VerifiedDelegation> passed) {
            VerifiedDelegation v = passed.value();
            Optional<Refusal> no = within.refuses(v.delegation(), ask, Optional.empty());
            Downstream record = chain.next(v, gateways, call, decided(no), trace, now);
            return new Guarded(
                    no.<Checked<VerifiedDelegation>>map(refusal -> Checked.refused(refusal.about(v.delegation())))
                            .orElse(shown),
                    Optional.of(record));
        }
        Refusal refusal = ((Checked.Refused<VerifiedDelegation>) shown).refusal();
        return new Guarded(
                shown,
                refusal.authentic()
                        // the ledger takes no record of a token for somebody else, and the chain could not go on after
                        // it
                        .filter(d -> p.audiences().contains(d.audience()))
                        .map(d -> chain.next(
                                authentic(d, p), gateways, call, decided(Optional.of(refusal)), trace, now)));
    }

    private Decided decided(Optional<Refusal> no) {
        return new Decided(
                no.isEmpty(),
                true,
                no.map(refusal -> refusal.reason().code()),
                no.map(Refusal::rules).orElse(List.of(WithinDelegation.RULE)),
                policySha256,
                AuditRecord.Mode.ENFORCE);
    }

    /** Expired or stopped, yet its holder proved to be the holder. */
    private static VerifiedDelegation authentic(Delegation d, Presented p) {
        byte[] digest;
        try {
            digest = Base64Url.decode(DpopProof.tokenHash(p.token().orElseThrow()));
        } catch (Json.Malformed e) {
            throw new IllegalStateException("own encoding must decode", e);
        }
        return new VerifiedDelegation(d, HexFormat.of().formatHex(digest), !(d.binding() instanceof Binding.Unbound));
    }

    private static String hex(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
