/** One main: configuration, wiring, store and command line. */
@NullMarked
package io.behalf.server;

import org.jspecify.annotations.NullMarked;
