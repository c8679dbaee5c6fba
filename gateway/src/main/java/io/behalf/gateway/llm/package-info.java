/** Codecs of the model providers: their wire in, an inbound call and its pieces out. They never decide and never write. */
@NullMarked
package io.behalf.gateway.llm;

import org.jspecify.annotations.NullMarked;
