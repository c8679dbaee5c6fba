package io.behalf.ledger;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the ledger does to its disk, by kind: numbers in names are left out, and a file on its way goes by the name that it will have.
 *
 * @param kind a word or two, as {@code force}
 * @param on the file or folder, or why a folder is forced
 */
record FaultOperation(String kind, String on) implements Comparable<FaultOperation> {
    private static final List<String> KINDS =
            List.of("create folder", "create", "write", "force", "rename", "delete", "force folder");

    private static final Pattern NUMBERED = Pattern.compile("wal/\\d+");
    private static final Pattern TILE = Pattern.compile("tile/(entries|\\d+)/[x\\d/]+(\\.p(?:/\\d+)?)?");

    static FaultOperation on(String kind, String path) {
        return new FaultOperation(kind, "`" + general(path) + "`");
    }

    static FaultOperation onFolder(String folder, Optional<FaultOperation> reason) {
        if (folder.startsWith("tile")) { // forced for many names at once
            return new FaultOperation("force folder", "`tile/…/`");
        }
        return new FaultOperation(
                "force folder",
                reason.map(why -> "of " + why.on() + (why.kind().equals("delete") ? ", deleted" : ""))
                        .orElse(folder.isEmpty() ? "of the log" : "`" + general(folder) + "/`"));
    }

    private static String general(String path) {
        String whole =
                path.endsWith(Disk.UNFINISHED) ? path.substring(0, path.length() - Disk.UNFINISHED.length()) : path;
        if (NUMBERED.matcher(whole).matches()) {
            return "wal/<n>";
        }
        Matcher tile = TILE.matcher(whole);
        if (!tile.matches()) {
            return whole.startsWith("tile") ? "tile/…" : whole;
        }
        String kind = tile.group(1).equals("entries") ? "entries" : "<l>";
        String partial = tile.group(2) == null ? "" : tile.group(2).replaceAll("\\d+", "<w>");
        return "tile/" + kind + "/<n>" + partial;
    }

    /** By what it is done to, then in the order in which such things are done. */
    @Override
    public int compareTo(FaultOperation other) {
        return Comparator.<FaultOperation, String>comparing(operation -> operation.on.replaceFirst("^of ", ""))
                .thenComparingInt(operation -> KINDS.indexOf(operation.kind))
                .thenComparing(operation -> operation.on)
                .compare(this, other);
    }

    @Override
    public String toString() {
        return kind + " " + on;
    }
}
