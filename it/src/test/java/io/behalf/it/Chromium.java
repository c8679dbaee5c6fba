package io.behalf.it;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The Chromium of the system, driven by Playwright. A page is used by the thread of the test that opened it. */
record Chromium(Playwright playwright, Browser browser) implements AutoCloseable {
    static final Path PROGRAM = Path.of("/usr/bin/chromium");
    private static final double ACTS_WITHIN_MILLIS = 15_000;

    static Chromium start() {
        var playwright = Playwright.create(
                new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
        // Without its sandbox, since tests may run as root, where it refuses; it opens our own pages only.
        var options = new BrowserType.LaunchOptions().setExecutablePath(PROGRAM).setArgs(List.of("--no-sandbox"));
        return new Chromium(playwright, playwright.chromium().launch(options));
    }

    /** A page of a person who has no cookies yet. */
    Page newPerson() {
        var page = browser.newContext().newPage();
        page.setDefaultTimeout(ACTS_WITHIN_MILLIS);
        return page;
    }

    @Override
    public void close() {
        browser.close();
        playwright.close();
    }
}
