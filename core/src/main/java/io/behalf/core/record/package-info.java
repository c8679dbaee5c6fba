/** The audit record, version 1: its types, its canonical bytes, and the way back from bytes to types. */
@NullMarked
package io.behalf.core.record;

import org.jspecify.annotations.NullMarked;
