package io.behalf.ledger;

import io.behalf.core.merkle.Hash;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One immutable file of the index: what entries [{@code from}, {@code to}) can be found by, as pairs (hash of key and value, entry index),
 * sorted. Mapped, so that a lookup touches a few pages; a file that was merged into another stays readable for those who hold it.
 *
 * @param last the leaf hash of entry {@code to - 1}: another history behind the same size is noticed
 */
record IndexRun(Path file, long from, long to, Hash last, long count, MemorySegment rows) {
    private static final long MAGIC = 0x4248_494e_4458_3031L; // "BHINDX01"
    private static final int HEADER = 8 + 8 + 8 + 32 + 8;
    private static final int ROW = 16;
    private static final int CHUNK = 1 << 20;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final Pattern NAME = Pattern.compile("([0-9]{19})-([0-9]{19})\\.run");

    /** A file of this name that is whole; empty for any other. */
    static Optional<IndexRun> open(Path file) throws IOException {
        Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
        if (!name.matches()) {
            return Optional.empty();
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (channel.size() < HEADER) {
                return Optional.empty();
            }
            MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto());
            long from = all.get(LONG, 8);
            long to = all.get(LONG, 16);
            Hash last = Hash.of(all.asSlice(24, Hash.BYTES).toArray(ValueLayout.JAVA_BYTE));
            long count = all.get(LONG, 56);
            boolean whole = all.get(LONG, 0) == MAGIC
                    && from == Long.parseLong(name.group(1))
                    && to == Long.parseLong(name.group(2))
                    && channel.size() == HEADER + count * ROW;
            return whole
                    ? Optional.of(new IndexRun(file, from, to, last, count, all.asSlice(HEADER)))
                    : Optional.empty();
        }
    }

    /** Calls with the entries, in order, whose pairs have this hash. */
    void find(long hash, LongConsumer entries) {
        long low = 0;
        long high = count;
        while (low < high) {
            long middle = (low + high) >>> 1;
            if (Long.compareUnsigned(hash(middle), hash) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for (long row = low; row < count && hash(row) == hash; row++) {
            entries.accept(entry(row));
        }
    }

    private long hash(long row) {
        return rows.get(LONG, row * ROW);
    }

    private long entry(long row) {
        return rows.get(LONG, row * ROW + 8);
    }

    /** Writes the first {@code count} of these pairs, which are sorted. */
    static IndexRun write(
            Disk disk, Path folder, long from, long to, Hash last, long[] hashes, long[] entries, int count)
            throws IOException {
        try (var out = new Writer(disk, folder, from, to, last, count)) {
            for (int i = 0; i < count; i++) {
                out.row(hashes[i], entries[i]);
            }
            return out.finish();
        }
    }

    /** One run out of several that follow each other. */
    static IndexRun merge(Disk disk, Path folder, List<IndexRun> runs) throws IOException {
        long count = runs.stream().mapToLong(IndexRun::count).sum();
        IndexRun newest = runs.getLast();
        long[] at = new long[runs.size()];
        long[] heads = new long[runs.size()];
        for (int i = 0; i < at.length; i++) {
            heads[i] = runs.get(i).count() == 0 ? 0 : runs.get(i).hash(0);
        }
        try (var out = new Writer(disk, folder, runs.getFirst().from(), newest.to(), newest.last(), count)) {
            for (long written = 0; written < count; written++) {
                int least = -1;
                for (int i = 0; i < at.length; i++) {
                    // On equal hashes the older run goes first, so that entries stay in order.
                    if (at[i] < runs.get(i).count()
                            && (least < 0 || Long.compareUnsigned(heads[i], heads[least]) < 0)) {
                        least = i;
                    }
                }
                IndexRun run = runs.get(least);
                out.row(heads[least], run.entry(at[least]++));
                if (at[least] < run.count()) {
                    heads[least] = run.hash(at[least]);
                }
            }
            return out.finish();
        }
    }

    /** Leaves nothing behind if it does not come to {@link #finish}: the same file can then be written again. */
    private static final class Writer implements AutoCloseable {
        private final Disk disk;
        private final Path folder;
        private final String name;
        private final Disk.Handle file;
        private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK);
        private long written;

        Writer(Disk disk, Path folder, long from, long to, Hash last, long count) throws IOException {
            this.disk = disk;
            this.folder = folder;
            name = String.format(Locale.ROOT, "%019d-%019d.run", from, to);
            file = disk.create(name + Disk.UNFINISHED);
            chunk.putLong(MAGIC).putLong(from).putLong(to).put(last.bytes()).putLong(count);
        }

        void row(long hash, long entry) throws IOException {
            if (chunk.remaining() < ROW) {
                drain();
            }
            chunk.putLong(hash).putLong(entry);
        }

        private void drain() throws IOException {
            chunk.flip();
            int bytes = chunk.remaining();
            file.write(chunk, written);
            written += bytes;
            chunk.clear();
        }

        IndexRun finish() throws IOException {
            drain();
            file.force();
            disk.rename(name + Disk.UNFINISHED, name);
            Path whole = folder.resolve(name);
            return IndexRun.open(whole).orElseThrow(() -> new IOException("not whole: " + whole));
        }

        @Override
        public void close() throws IOException {
            file.close();
            disk.delete(name + Disk.UNFINISHED);
        }
    }
}
