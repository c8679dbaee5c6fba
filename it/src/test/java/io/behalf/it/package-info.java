/** Black-box tests over real HTTP with real parts, and the rules that hold for the whole source tree. */
@NullMarked
package io.behalf.it;

import org.jspecify.annotations.NullMarked;
