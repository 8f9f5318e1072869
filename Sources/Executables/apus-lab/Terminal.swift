import Glibc

/// Progress and errors, on standard error: standard output is for what was asked.
func say(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

/// What was asked, at once: a pipe's reader need not wait for a buffer to fill.
func show(_ text: String, terminator: String = "\n") { write(text + terminator, to: STDOUT_FILENO) }

private func write(_ text: String, to file: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        if count < 0 && errno != EINTR { return }
        rest = rest.dropFirst(max(0, count))
    }
}
