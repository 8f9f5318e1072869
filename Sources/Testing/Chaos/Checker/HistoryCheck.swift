/// Judges a run by the files that its processes wrote.
package enum HistoryCheck {
    /// The first file is the workload's own: it names the run. Others were kept beside it, by
    /// consumers or a nemesis, perhaps until they were killed: their torn ends mean nothing.
    package static func verdict(on paths: [String]) throws(HistoryError) -> Verdict {
        var checker: Checker?
        for (index, path) in paths.enumerated() {
            var reader = HistoryReader()
            try reader.read(
                path: path,
                began: { if index == 0 { checker = Checker($0) } },
                event: { checker?.observe($0) })
            if index == 0, reader.tornLine != nil { checker?.observeTornEnd() }
        }
        guard let checker else { throw .damagedLine(1, "there is no header") }
        return checker.verdict()
    }
}
