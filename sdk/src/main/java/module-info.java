import org.jspecify.annotations.NullMarked;

/** Obtain, renew and attach a delegation for one task. */
@NullMarked
module io.behalf.sdk {
    requires transitive io.behalf.core;
}
