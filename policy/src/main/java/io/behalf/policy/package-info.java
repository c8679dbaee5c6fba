/** Rules and their versions; deciding, list filtering and simulation are one class. */
@NullMarked
package io.behalf.policy;

import org.jspecify.annotations.NullMarked;
