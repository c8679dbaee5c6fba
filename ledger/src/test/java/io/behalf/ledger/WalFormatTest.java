package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.ledger.WalFormat.Scanned;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Reading a write-ahead file: whole groups, the remains of a crash, and damage are three things. */
class WalFormatTest {
    private static final int SEGMENT = 1 << 16;
    private static final long NUMBER = 7;
    private static final long FIRST = 1_000;

    private final Random random = new Random(1);
    private final byte[] segment = new byte[SEGMENT];
    private final List<Integer> groupEnds = new ArrayList<>();
    private long size = FIRST;

    @Test
    void anEmptyFileIsSound() {
        assertThat(scan()).isEqualTo(new Scanned.Sound(-1, -1, 0));
    }

    @Test
    void readsBackEveryGroup() {
        write(3, 100);
        write(1, 0);
        write(5, 4_000);
        List<String> entries = new ArrayList<>();

        Scanned scanned = WalFormat.scan(
                ByteBuffer.wrap(segment), NUMBER, (index, bytes) -> entries.add(index + ":" + bytes.remaining()));

        assertThat(scanned).isEqualTo(new Scanned.Sound(FIRST, FIRST + 9, groupEnds.getLast()));
        assertThat(entries)
                .containsExactly(
                        "1000:100",
                        "1001:100",
                        "1002:100",
                        "1003:0",
                        "1004:4000",
                        "1005:4000",
                        "1006:4000",
                        "1007:4000",
                        "1008:4000");
    }

    @Test
    void aLastGroupWhoseSectorsAreMissingIsTornAndGivesNoEntry() {
        write(2, 300);
        int end = groupEnds.getLast();
        byte[] before = segment.clone();
        write(3, 2_000);
        byte[] whole = segment.clone();
        int sectors = (groupEnds.getLast() - end) / 512;
        for (int lost = 1; lost < sectors; lost++) {
            System.arraycopy(whole, 0, segment, 0, SEGMENT);
            int at = (end / 512 + lost) * 512;
            System.arraycopy(before, at, segment, at, 512);
            assertThat(scan()).as("sector %d lost", lost).isInstanceOfSatisfying(Scanned.Torn.class, torn -> {
                assertThat(torn.next()).isEqualTo(FIRST + 2);
                assertThat(torn.end()).isEqualTo(end);
            });
        }
    }

    @Test
    void aLastGroupCutAnywhereAtASectorIsTorn() {
        write(2, 300);
        int end = groupEnds.getLast();
        write(4, 1_500);
        byte[] whole = segment.clone();
        for (int cut = (end / 512 + 1) * 512; cut < groupEnds.getLast(); cut += 512) {
            System.arraycopy(whole, 0, segment, 0, SEGMENT);
            Arrays.fill(segment, cut, SEGMENT, (byte) 0);
            assertThat(scan()).as("cut at %d", cut).isInstanceOf(Scanned.Torn.class);
        }
    }

    @Test
    void everyChangedByteOfAnAcknowledgedGroupIsDamage() {
        write(2, 300);
        write(2, 700);
        write(1, 50);
        byte[] whole = segment.clone();
        for (int at = 0; at < groupEnds.get(1); at++) {
            System.arraycopy(whole, 0, segment, 0, SEGMENT);
            segment[at] ^= 0x10;
            assertThat(scan()).as("byte %d", at).isInstanceOf(Scanned.Corrupt.class);
        }
    }

    @Test
    void aChangedByteInALastGroupThatIsAllThereIsDamageToo() {
        write(2, 300);
        int from = groupEnds.getLast();
        write(3, 700);
        byte[] whole = segment.clone();
        // Frame headers apart: a changed length can make the group look longer than it is, as if its end had been lost.
        for (int at = from + WalFormat.FRAME_HEADER; at < from + WalFormat.entryFrameBytes(700) - 8; at++) {
            System.arraycopy(whole, 0, segment, 0, SEGMENT);
            segment[at] ^= 0x10;
            assertThat(scan()).as("byte %d", at).isInstanceOf(Scanned.Corrupt.class);
        }
    }

    @Test
    void aMissingGroupInTheMiddleIsDamage() {
        write(2, 300);
        int from = groupEnds.getLast();
        write(2, 300);
        int to = groupEnds.getLast();
        write(2, 300);
        Arrays.fill(segment, from, to, (byte) 0);

        assertThat(scan()).isInstanceOf(Scanned.Corrupt.class);
    }

    @Test
    void aFileOfAnotherNumberIsNotRead() {
        write(2, 300);

        assertThat(WalFormat.scan(ByteBuffer.wrap(segment), NUMBER + 1, (_, _) -> {}))
                .isInstanceOf(Scanned.Corrupt.class);
    }

    @Test
    void randomBytesAreNeverRead() {
        for (int i = 0; i < 200; i++) {
            random.nextBytes(segment);
            assertThat(scan()).isInstanceOf(Scanned.Corrupt.class);
        }
    }

    private Scanned scan() {
        return WalFormat.scan(ByteBuffer.wrap(segment), NUMBER, (_, _) -> {});
    }

    /** One group of {@code count} entries of {@code length} bytes. */
    private void write(int count, int length) {
        int start = groupEnds.isEmpty() ? 0 : groupEnds.getLast();
        var group = ByteBuffer.allocate(SEGMENT - start);
        if (start == 0) {
            WalFormat.putBegin(group, NUMBER, size);
        }
        for (int i = 0; i < count; i++) {
            byte[] entry = "record ".repeat(length / 7 + 1).getBytes(StandardCharsets.US_ASCII);
            WalFormat.putEntry(group, entry, length);
            size++;
        }
        WalFormat.putCommit(group, NUMBER, size, start);
        System.arraycopy(group.array(), 0, segment, start, group.position());
        groupEnds.add(start + group.position());
    }
}
