import org.jspecify.annotations.NullMarked;

/** Obtain, renew and attach a delegation for one task. */
@NullMarked
module io.behalf.sdk {
    requires transitive io.behalf.core;
    requires transitive java.net.http;

    exports io.behalf.sdk;
}
