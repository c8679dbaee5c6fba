package io.behalf.authority;

import java.time.Instant;
import java.util.List;
import org.jdbi.v3.core.Handle;

/**
 * That a token was made from another one, with which it falls: whoever gives a token back, or loses it, means what was made
 * from it, too.
 *
 * @param until after it the token can do nothing any more
 */
record MadeFrom(String jti, String source, Instant until) {
    void insert(Handle sql) {
        sql.createUpdate("insert into made_from (jti, source, until) values (?, ?, ?)")
                .bind(0, jti)
                .bind(1, source)
                .bind(2, until.toEpochMilli())
                .execute();
    }

    static List<MadeFrom> inForce(Handle sql, Instant now) {
        return sql.createQuery("select jti, source, until from made_from where until > ?")
                .bind(0, now.toEpochMilli())
                .map((row, ctx) ->
                        new MadeFrom(row.getString(1), row.getString(2), Instant.ofEpochMilli(row.getLong(3))))
                .list();
    }

    static void sweep(Handle sql, Instant now) {
        sql.createUpdate("delete from made_from where until <= ?")
                .bind(0, now.toEpochMilli())
                .execute();
    }
}
