import org.jspecify.annotations.NullMarked;

/** The only check of a presented delegation; gateway, authority and downstream services run this same code. */
@NullMarked
module io.behalf.verifier {
    requires transitive io.behalf.core;

    exports io.behalf.verifier;
}
