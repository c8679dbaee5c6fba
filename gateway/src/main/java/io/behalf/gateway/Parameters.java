package io.behalf.gateway;

import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Names of parameters as services read them, which differ: a second one that is taken for the first, or one by which Rails,
 * Laravel, Symfony and others let a request be another than its method says, does what nobody decided on.
 */
public final class Parameters {
    private static final String METHOD = "_method";
    private static final String DISPOSITION = "content-disposition";
    private static final Pattern FOLD = Pattern.compile("\\r?\\n[ \\t]+");
    private static final Pattern IN_DISPOSITION =
            Pattern.compile("[^a-z0-9][_. ]method(?![a-z0-9_])", Pattern.CASE_INSENSITIVE);

    private Parameters() {}

    /** @param name of a parameter, decoded */
    public static boolean overrideMethod(String name) {
        return folded(name).equals(METHOD);
    }

    /**
     * What parameter some services take this one for: capitals or not, and in PHP and others without blanks before it and
     * what follows a bracket or a NUL, dots and blanks within it as underlines.
     */
    public static String folded(String name) {
        String begun = name.stripLeading();
        int end = begun.length();
        for (char bound : new char[] {'[', 0}) {
            int at = begun.indexOf(bound);
            end = at < 0 ? end : Math.min(end, at);
        }
        return begun.substring(0, end)
                .strip()
                .replace('.', '_')
                .replace(' ', '_')
                .toLowerCase(Locale.ROOT);
    }

    /** Whether a part of a form in parts has this name, however it is written there (RFC 7578 §4.2). */
    public static boolean overrideMethodInParts(Buffer body) {
        String unfolded =
                FOLD.matcher(body.toString(StandardCharsets.ISO_8859_1)).replaceAll(" ");
        return unfolded.lines()
                .filter(line -> line.regionMatches(true, 0, DISPOSITION, 0, DISPOSITION.length()))
                .anyMatch(line -> IN_DISPOSITION.matcher(line.replace("\\", "")).find());
    }
}
