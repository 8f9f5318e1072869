import Chaos
import MessageFormat

/// One line on standard error that says how far a long command is, a few times a second.
final class ProgressLine: Sendable {
    private let task: Task<Void, Never>?

    /// Shows nothing in the first second, nor if nobody wants it.
    init(_ options: ProgressOptions, _ text: @escaping @Sendable () -> String) {
        guard options.isWanted else {
            self.task = nil
            return
        }
        let isTerminal = Terminal.errorIsTerminal
        self.task = Task {
            try? await Task.sleep(for: .seconds(1))
            while !Task.isCancelled {
                // On a terminal the line is written over; in a log each stands by itself.
                if isTerminal {
                    Terminal.noteUnfinished("\r\u{1B}[K" + text())
                } else {
                    Terminal.note(text())
                }
                try? await Task.sleep(for: isTerminal ? .milliseconds(250) : .seconds(2))
            }
            if isTerminal { Terminal.noteUnfinished("\r\u{1B}[K") }
        }
    }

    /// Takes the line away.
    func finish() async {
        self.task?.cancel()
        await self.task?.value
    }
}
