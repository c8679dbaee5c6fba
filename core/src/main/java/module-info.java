import org.jspecify.annotations.NullMarked;

/**
 * What a delegation and a record are: domain records, the scope algebra, token and record encodings, Merkle and
 * checkpoint arithmetic. No input or output; time is passed in.
 */
@NullMarked
module io.behalf.core {
    requires com.fasterxml.jackson.core;
    requires com.fasterxml.jackson.databind;
    requires com.nimbusds.jose.jwt;
    requires transitive org.jspecify;

    exports io.behalf.core.delegation;
    exports io.behalf.core.jose;
    exports io.behalf.core.json;
    exports io.behalf.core.merkle;
    exports io.behalf.core.record;
}
