/** Codec of MCP streamable HTTP: sessions, tool lists, tool results. */
@NullMarked
package io.behalf.gateway.mcp;

import org.jspecify.annotations.NullMarked;
