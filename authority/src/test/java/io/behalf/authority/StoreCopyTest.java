package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.TreeMap;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store that somebody else may have made is read as it is, and nothing is made beside it. */
class StoreCopyTest {
    @TempDir
    Path folder;

    @Test
    void readsAStoreThatWasClosedInGoodOrder() throws IOException {
        try (Store store = Store.open(file())) {
            put(store);
        }
        Map<Path, FileTime> before = files();

        assertThat(seen()).isOne();

        assertThat(files()).isEqualTo(before);
    }

    /** As a server that was killed leaves it, or one that runs. */
    @Test
    void readsWhatOnlyTheWriteAheadFileHas() throws IOException {
        try (Store store = Store.open(file())) {
            put(store);
            Map<Path, FileTime> before = files();
            assertThat(folder.resolve("behalf.db-wal")).isNotEmptyFile();

            assertThat(seen()).isOne();

            assertThat(files()).isEqualTo(before);
        }
    }

    @Test
    void whatIsNoStoreIsSaidToBeNone() throws IOException {
        Files.writeString(file(), "not a database, and longer than nothing");
        assertThatThrownBy(() -> StoreCopy.open(file()))
                .isInstanceOf(StoreFault.class)
                .hasMessageContaining(file().toString());
    }

    /** What a view shows is computed while it is read: this one would never end. */
    @Test
    void aViewInATablesPlaceIsNotRead() {
        try (Handle sql = Jdbi.open("jdbc:sqlite:" + file())) {
            sql.execute("create view task as with recursive n(id) as (select 1 union all select id from n)"
                    + " select id from n");
        }
        assertThatThrownBy(() -> StoreCopy.open(file()))
                .isInstanceOf(StoreFault.class)
                .hasMessageContaining("no store");
    }

    private Path file() {
        return folder.resolve("behalf.db");
    }

    private static void put(Store store) {
        store.transaction(sql -> sql.execute("insert into seen (key, until) values (x'01', 1)"));
    }

    private int seen() {
        try (Store store = StoreCopy.open(file())) {
            return store.read(sql -> sql.createQuery("select count(*) from seen")
                    .mapTo(Integer.class)
                    .one());
        }
    }

    private Map<Path, FileTime> files() throws IOException {
        Map<Path, FileTime> found = new TreeMap<>();
        try (var all = Files.list(folder)) {
            for (Path each : all.toList()) {
                found.put(each, Files.getLastModifiedTime(each));
            }
        }
        return found;
    }
}
