/**
 * Kills a real server in the middle of mixed work, again and again, and holds what it had told against what it knows after
 * its next start: {@code behalf bench kill}, and the same with few rounds as a test.
 */
@NullMarked
package io.behalf.server.kill;

import org.jspecify.annotations.NullMarked;
