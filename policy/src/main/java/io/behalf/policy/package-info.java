/** Whether a delegated call may go on: built-in rules, configured rules, their version; deciding and list filtering. */
@NullMarked
package io.behalf.policy;

import org.jspecify.annotations.NullMarked;
