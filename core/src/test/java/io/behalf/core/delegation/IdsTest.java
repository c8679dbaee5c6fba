package io.behalf.core.delegation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class IdsTest {
    @Test
    void makesValidIdsThatSortByTimeAndDoNotRepeat() {
        Random random = new Random(7);
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 10_000; i++) {
            ids.add(Ids.next("tsk", Instant.ofEpochMilli(1_764_000_000_000L + i), random));
        }

        assertThat(ids).allMatch(id -> Ids.valid("tsk", id)).isSorted();
        assertThat(new HashSet<>(ids)).hasSize(ids.size());
    }

    @Test
    void usesEveryBitOfTheRandomness() {
        // 16 characters of 5 bits: each position must take each of its 32 values
        Random random = new Random(7);
        List<HashSet<Character>> seen = new ArrayList<>(Collections.nCopies(16, new HashSet<>()));
        seen.replaceAll(x -> new HashSet<>());
        for (int i = 0; i < 2_000; i++) {
            String id = Ids.next("rec", Instant.EPOCH, random);
            for (int at = 0; at < 16; at++) {
                seen.get(at).add(id.charAt(id.length() - 16 + at));
            }
        }

        assertThat(seen).allMatch(values -> values.size() == 32);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "tsk_",
                "tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A0",
                "tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A022",
                "tsk_81KAW7Z5Q0E8XJ5N4M3C2B1A02",
                "tsk_01KAW7Z5Q0E8XJ5N4M3C2B1AI2",
                "tsk_01kaw7z5q0e8xj5n4m3c2b1a02",
                "rec_01KAW7Z5Q0E8XJ5N4M3C2B1A02",
                "tsk-01KAW7Z5Q0E8XJ5N4M3C2B1A02",
                "tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A0\n"
            })
    void knowsWhatIsNoId(String text) {
        assertThat(Ids.valid("tsk", text)).isFalse();
        assertThatThrownBy(() -> new TaskId(text)).isInstanceOf(IllegalArgumentException.class);
    }
}
