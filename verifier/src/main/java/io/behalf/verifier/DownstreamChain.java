package io.behalf.verifier;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Ids;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.AuditRecord.Trace;
import io.behalf.core.record.RecordEncoder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * The records that a service makes of its own decisions, signed with its own key and chained, so that neither the service
 * nor whoever keeps the ledger can drop or change one without its being seen. A chain belongs to one service and key; its
 * position must survive a restart, or the service must begin with a new key.
 *
 * <p>{@code prev} is the RFC 6962 leaf hash of the previous record's signed form: the part of a record that its service
 * knows, as the ledger's node gives it id, time and node. Thread-safe.
 */
public final class DownstreamChain {
    private final String service;
    private final SigningKey key;
    private final SecureRandom random = new SecureRandom();
    private Position position;

    /** Where a chain stands: how many records it has, and the hash of the last. */
    public record Position(long records, Optional<String> last) {
        public static final Position START = new Position(0, Optional.empty());
    }

    public DownstreamChain(String service, SigningKey key, Position position) {
        this.service = service;
        this.key = key;
        this.position = position;
    }

    public synchronized Position position() {
        return position;
    }

    /**
     * The next record.
     *
     * @param of the gateway's record that came along in {@code Behalf-Record}
     */
    public synchronized Downstream next(
            VerifiedDelegation shown,
            Optional<String> of,
            Call call,
            Decided decision,
            Optional<Trace> trace,
            Instant now) {
        Delegation d = shown.delegation();
        Header header = new Header(
                Ids.next("rec", now, random),
                now,
                service,
                Optional.of(d.taskId()),
                Optional.of(shown.basis()),
                d.actors(),
                Optional.of(shown.held()),
                trace,
                false);
        ServiceSigned unsigned =
                new ServiceSigned(service, position.records + 1, position.last, key.thumbprint(), "", d.jti());
        Downstream draft = new Downstream(header, of, Optional.of(bounded(call)), Optional.of(decision), unsigned);
        byte[] signedForm = RecordEncoder.signedForm(draft);
        ServiceSigned signed = new ServiceSigned(
                service,
                unsigned.seq(),
                unsigned.prev(),
                unsigned.kid(),
                Base64Url.encode(key.sign(signedForm)),
                unsigned.seenJti());
        position = new Position(unsigned.seq(), Optional.of(leaf(signedForm)));
        return new Downstream(header, of, draft.call(), draft.decision(), signed);
    }

    /**
     * A caller may name any number of resources, and the ledger's node writes the record again from its fields, where what
     * exceeds an array's bound is gone: then the signature would no longer hold. So the last one stands for all the rest.
     */
    private static Call bounded(Call call) {
        List<String> named = call.resources();
        if (named.size() <= RecordEncoder.MAX_RESOURCES) {
            return call;
        }
        int kept = RecordEncoder.MAX_RESOURCES - 1;
        List<String> rest = named.subList(kept, named.size());
        List<String> resources = new ArrayList<>(named.subList(0, kept));
        resources.add("sha256:" + sha256(Json.canonical(rest)) + ":" + rest.size());
        return new Call(
                call.surface(),
                call.service(),
                call.action(),
                resources,
                call.model(),
                call.tool(),
                call.toolCallId(),
                call.continues(),
                call.requestMac(),
                call.bytes());
    }

    /** Whether the service that holds {@code key} signed this record. */
    public static boolean signedBy(Downstream record, VerificationKey key) {
        try {
            return key.verifies(
                    RecordEncoder.signedForm(record),
                    Base64Url.decode(record.downstream().sig()));
        } catch (Json.Malformed e) {
            return false;
        }
    }

    /** What the service's next record must name as {@code prev}. */
    public static String leaf(Downstream record) {
        return leaf(RecordEncoder.signedForm(record));
    }

    private static String leaf(byte[] signedForm) {
        return new TreeHasher().leaf(signedForm).hex();
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
