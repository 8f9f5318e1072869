/// Rows of cells as a table of a Markdown page.
package enum MarkdownTable {
    package static func text(head: [String], rows: [[String]]) -> String {
        let rule = head.map { _ in "---" }
        return ([head, rule] + rows).map(self.line).joined(separator: "\n")
    }

    private static func line(_ cells: [String]) -> String {
        let escaped = cells.map { cell in
            cell.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
        }
        return "| " + escaped.joined(separator: " | ") + " |"
    }

    static func milliseconds(_ value: Int?) -> String { value.map { "\($0) ms" } ?? "–" }
}
