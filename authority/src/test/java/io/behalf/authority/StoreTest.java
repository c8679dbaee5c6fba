package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.JdbiException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the store does where the disk does not do its part. */
class StoreTest {
    private static final String PUT = "insert into seen (key, until) values (zeroblob(1000000), 1)";

    @TempDir
    Path data;

    private Store store;

    @BeforeEach
    void open() {
        store = Store.open(data.resolve("behalf.db"));
    }

    @AfterEach
    void close() {
        store.close();
    }

    @Test
    void fullStoreKeepsNothingOfTheTransactionAndGoesOnWhenThereIsRoom() {
        // SQLite's own bound of the file: it answers SQLITE_FULL, as on a disk without space
        sql("pragma max_page_count = 200");

        assertThatThrownBy(() -> store.transaction(sql -> {
                    sql.execute("insert into seen (key, until) values (x'01', 1)");
                    return sql.execute(PUT);
                }))
                .isInstanceOf(StoreUnavailable.class)
                .hasMessageContaining("full");
        assertThat(seen()).isZero();

        sql("pragma max_page_count = 100000");
        sql(PUT);
        assertThat(seen()).isOne();
    }

    @Test
    void storeThatMayNotBeWrittenIsUnavailableAndCanBeRead() {
        sql("pragma query_only = true");

        assertThatThrownBy(() -> sql(PUT)).isInstanceOf(StoreUnavailable.class);

        assertThat(seen()).isZero();
    }

    /** Not the disk's fault, so that trying again would not help. */
    @Test
    void ourOwnDefectsAreNotCalledUnavailable() {
        assertThatThrownBy(() -> sql("insert into nowhere values (1)")).isInstanceOf(JdbiException.class);
    }

    @Test
    void readingDoesNotWaitForWhatIsBeingWritten() throws Exception {
        CompletableFuture<Void> begun = new CompletableFuture<>();
        CompletableFuture<Void> goOn = new CompletableFuture<>();
        Thread writer = Thread.ofVirtual()
                .start(() -> store.transaction(sql -> {
                    sql.execute(PUT);
                    begun.complete(null);
                    return goOn.join();
                }));
        begun.get(10, TimeUnit.SECONDS);

        assertThat(seen()).isZero();

        goOn.complete(null);
        writer.join();
        assertThat(seen()).isOne();
    }

    private void sql(String statement) {
        store.transaction(sql -> sql.execute(statement));
    }

    private int seen() {
        return store.read(sql -> sql.createQuery("select count(*) from seen")
                .mapTo(Integer.class)
                .one());
    }
}
