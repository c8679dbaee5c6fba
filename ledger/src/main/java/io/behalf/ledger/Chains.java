package io.behalf.ledger;

import io.behalf.core.merkle.Hash;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What the ledger must know to place the next record: the head of each task's chain, and the intents whose outcome has not come. The
 * sequencer's thread alone uses it; others get snapshots.
 */
final class Chains {
    /**
     * The last record of a task.
     *
     * @param seq its {@code task_seq}, from 1
     * @param leaf its leaf hash, the next one's {@code prev}
     * @param index its index in the ledger
     * @param ended whether {@code ended} has been written, so that what follows is late
     */
    record Head(long seq, Hash leaf, long index, boolean ended) {}

    /** An intent without outcome. {@code task} is null for an unattributed call. */
    record Open(String intent, long index, @Nullable String task) {}

    /** A copy at one size of the log. {@code complete}: no chain has ever been let go. */
    record Snapshot(long size, boolean complete, Map<String, Head> heads, List<Open> open) {}

    private final Map<String, Head> heads = new HashMap<>();
    private final LinkedHashMap<String, Open> open = new LinkedHashMap<>();
    private final Map<String, Integer> openOfTask = new HashMap<>();
    /** Tasks that ended and settled, the longest ago first: let go when there are too many. */
    private final ArrayDeque<String> settled = new ArrayDeque<>();

    private final int resident;
    private boolean complete = true;

    Chains(int resident) {
        this.resident = resident;
    }

    static Chains of(Snapshot snapshot, int resident) {
        var chains = new Chains(resident);
        chains.complete = snapshot.complete();
        chains.heads.putAll(snapshot.heads());
        for (Open intent : snapshot.open()) {
            chains.opened(intent);
        }
        snapshot.heads().forEach((task, head) -> {
            if (head.ended()) {
                chains.settle(task);
            }
        });
        return chains;
    }

    /** Whether every task that has records is here: then one that is not here has none. */
    boolean isComplete() {
        return complete;
    }

    @Nullable
    Head head(String task) {
        return heads.get(task);
    }

    int openIntents() {
        return open.size();
    }

    List<Open> open() {
        return List.copyOf(open.values());
    }

    /** A head that had been let go and was found again in the index. */
    void readmit(String task, Head head) {
        heads.putIfAbsent(task, head);
    }

    void add(RecordFacts record, Hash leaf, long index) {
        String task = record.chained();
        if (task != null) {
            Head before = heads.get(task);
            boolean ended = record.ends() || (before != null && before.ended());
            heads.put(task, new Head(before == null ? 1 : before.seq() + 1, leaf, index, ended));
        }
        switch (record.kind()) {
            case "intent" -> opened(new Open(record.id(), index, task));
            case "outcome", "unknown" -> closed(record.of());
            default -> {
                if (task != null && record.ends()) {
                    settle(task);
                }
            }
        }
    }

    private void opened(Open intent) {
        open.put(intent.intent(), intent);
        if (intent.task() != null) {
            openOfTask.merge(intent.task(), 1, Integer::sum);
        }
    }

    private void closed(@Nullable String intent) {
        Open was = intent == null ? null : open.remove(intent);
        if (was == null || was.task() == null) {
            return;
        }
        if (openOfTask.merge(was.task(), -1, Integer::sum) == 0) {
            openOfTask.remove(was.task());
            settle(was.task());
        }
    }

    private void settle(String task) {
        Head head = heads.get(task);
        if (head != null && head.ended() && !openOfTask.containsKey(task)) {
            settled.add(task);
        }
    }

    /** Lets go of ended tasks beyond the bound, as far as the index, where they can be found again, has come. */
    void letGo(long indexed) {
        while (heads.size() > resident) {
            String task = settled.peek();
            if (task == null) {
                return;
            }
            Head head = heads.get(task);
            if (head != null && head.index() >= indexed) {
                return;
            }
            settled.remove();
            if (!openOfTask.containsKey(task)) {
                heads.remove(task);
                complete = false;
            }
        }
    }

    Snapshot snapshot(long size) {
        return new Snapshot(size, complete, new HashMap<>(heads), List.copyOf(open.values()));
    }

    // ---- the snapshot's file

    private static final long MAGIC = 0x4248_4348_4149_4e31L; // "BHCHAIN1"
    private static final int EMPTY_BYTES = 8 + 8 + 1 + 4 + 4 + 4;

    static byte[] encode(Snapshot snapshot) {
        int bytes = EMPTY_BYTES;
        for (String task : snapshot.heads().keySet()) {
            bytes += 2 + task.length() + 8 + Hash.BYTES + 8 + 1;
        }
        for (Open intent : snapshot.open()) {
            bytes += 2
                    + intent.intent().length()
                    + 8
                    + 2
                    + (intent.task() == null ? 0 : intent.task().length());
        }
        var out = ByteBuffer.allocate(bytes);
        out.putLong(MAGIC).putLong(snapshot.size()).put((byte) (snapshot.complete() ? 1 : 0));
        out.putInt(snapshot.heads().size());
        snapshot.heads().forEach((task, head) -> {
            put(out, task);
            out.putLong(head.seq())
                    .put(head.leaf().bytes())
                    .putLong(head.index())
                    .put((byte) (head.ended() ? 1 : 0));
        });
        out.putInt(snapshot.open().size());
        for (Open intent : snapshot.open()) {
            put(out, intent.intent());
            out.putLong(intent.index());
            put(out, intent.task() == null ? "" : intent.task());
        }
        var crc = new CRC32C();
        crc.update(out.array(), 0, out.position());
        return out.putInt((int) crc.getValue()).array();
    }

    /** Empty if the bytes are not a whole snapshot: then the log itself is read. */
    static Optional<Snapshot> decode(ByteBuffer bytes) {
        if (bytes.remaining() < EMPTY_BYTES || bytes.getLong(0) != MAGIC) {
            return Optional.empty();
        }
        var crc = new CRC32C();
        crc.update(bytes.slice(0, bytes.limit() - 4));
        if ((int) crc.getValue() != bytes.getInt(bytes.limit() - 4)) {
            return Optional.empty();
        }
        ByteBuffer in = bytes.duplicate().position(8);
        long size = in.getLong();
        boolean complete = in.get() == 1;
        var heads = new LinkedHashMap<String, Head>();
        for (int n = in.getInt(); n > 0; n--) {
            String task = string(in);
            long seq = in.getLong();
            byte[] leaf = new byte[Hash.BYTES];
            in.get(leaf);
            heads.put(task, new Head(seq, Hash.of(leaf), in.getLong(), in.get() == 1));
        }
        var open = new ArrayList<Open>();
        for (int n = in.getInt(); n > 0; n--) {
            String intent = string(in);
            long index = in.getLong();
            String task = string(in);
            open.add(new Open(intent, index, task.isEmpty() ? null : task));
        }
        return Optional.of(new Snapshot(size, complete, heads, open));
    }

    private static void put(ByteBuffer out, String ascii) {
        out.putShort((short) ascii.length()).put(ascii.getBytes(StandardCharsets.US_ASCII));
    }

    private static String string(ByteBuffer in) {
        byte[] ascii = new byte[in.getShort()];
        in.get(ascii);
        return new String(ascii, StandardCharsets.US_ASCII);
    }
}
