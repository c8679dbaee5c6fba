package io.behalf.ledger;

import io.behalf.core.json.Json;
import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.RecordDecoder;
import io.behalf.core.record.RecordEncoder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What entries say of their own order: each task's records count from 1 without holes, name the one before, and know whether
 * the task had ended; so do each service's own records under each of its keys. A signed root cannot show this, as whoever holds the log's
 * key can leave a record out and sign the rest. Told every entry once, in order.
 *
 * <p>Whether a service really signed its record is not asked here: that takes the service's key, which the log does not hold.
 */
final class ChainRules {
    private final TreeHasher hasher = new TreeHasher();
    private final Map<String, Link> tasks = new HashMap<>();
    private final Map<Signer, Link> services = new HashMap<>();

    /** The last record of a chain so far. */
    private record Link(long seq, Hash leaf, boolean ended) {
        static final Link NONE = new Link(0, Hash.of(new byte[Hash.BYTES]), false);
    }

    /** A chain belongs to one service and one of its keys: one that lost its place begins with another key. */
    private record Signer(String service, String kid) {}

    long tasks() {
        return tasks.size();
    }

    /**
     * @param scan of the entry, which is canonical
     * @param leaf the entry's leaf hash
     * @return null, or what is wrong with the entry's place
     */
    @Nullable
    String broken(RecordScan scan, Hash leaf, byte[] bytes, int offset, int length) {
        if (scan.kind().equals("downstream")) {
            return ofService(bytes, offset, length);
        }
        String task = scan.chained();
        return task == null ? null : ofTask(task, scan, leaf);
    }

    private @Nullable String ofTask(String task, RecordScan scan, Hash leaf) {
        Link before = tasks.getOrDefault(task, Link.NONE);
        boolean ends = "ended".equals(scan.event());
        tasks.put(task, new Link(scan.taskSeq(), leaf, before.ended() || ends));
        if (scan.taskSeq() != before.seq() + 1) {
            return "it is number " + scan.taskSeq() + " of its task where " + (before.seq() + 1) + " was due";
        }
        if (!follows(scan.prev(), before)) {
            return "it does not follow its task's previous record";
        }
        if (before.ended() && !scan.late()) {
            return "it comes after its task's end and does not say that it is late";
        }
        if (scan.late() && !before.ended()) {
            return "it says that it is late, and its task had not ended";
        }
        if (ends && scan.records() != scan.taskSeq()) {
            return "it ends its task with " + scan.records() + " records, and is number " + scan.taskSeq();
        }
        return null;
    }

    private @Nullable String ofService(byte[] bytes, int offset, int length) {
        try {
            var stored = RecordDecoder.decode(Arrays.copyOfRange(bytes, offset, offset + length));
            return stored.record() instanceof Downstream record ? ofService(record) : "it is no service's record";
        } catch (Json.Malformed e) {
            return "it is no service's record: " + e.getMessage();
        }
    }

    private @Nullable String ofService(Downstream record) {
        ServiceSigned signed = record.downstream();
        var signer = new Signer(signed.service(), signed.kid());
        Link before = services.getOrDefault(signer, Link.NONE);
        Hash leaf = hasher.leaf(RecordEncoder.signedForm(record));
        if (signed.seq() == before.seq() && leaf.equals(before.leaf())) {
            return null; // sent again, as nobody had confirmed that it was stored
        }
        services.put(signer, new Link(signed.seq(), leaf, false));
        if (signed.seq() != before.seq() + 1) {
            return "it is number " + signed.seq() + " of the records that " + signed.service()
                    + " signed with this key," + " where " + (before.seq() + 1) + " was due";
        }
        return follows(signed.prev().orElse(null), before)
                ? null
                : "it does not follow the previous record that " + signed.service() + " signed with this key";
    }

    private static boolean follows(@Nullable String prev, Link before) {
        return before.seq() == 0 ? prev == null : before.leaf().hex().equals(prev);
    }
}
