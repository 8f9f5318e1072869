/// One database file and its prepared statements. Whoever has it calls it from one queue.
final class SQLiteFile {
    enum Value {
        case text(String)
        case integer(Int64)
    }

    private let library: SQLiteLibrary
    private let database: SQLiteLibrary.Database
    private var statements: [String: SQLiteLibrary.Statement] = [:]

    /// - Parameter patience: how long another process may hold the file, in milliseconds.
    init(_ path: String, patience: Int32 = 10_000) throws(SQLiteError) {
        self.library = try SQLiteLibrary.shared.get()
        var opened: SQLiteLibrary.Database?
        let result = self.library.open(path, &opened, SQLiteLibrary.openFlags, nil)
        guard let database = opened else { throw SQLiteError(description: "out of memory") }
        self.database = database
        try self.check(result)
        try self.check(self.library.busyTimeout(database, patience))
    }

    deinit {
        for statement in self.statements.values { _ = self.library.finalize(statement) }
        _ = self.library.close(self.database)
    }

    /// Runs a statement to its end. Returns whether it gave a row.
    @discardableResult
    func run(_ sql: String, _ values: Value...) throws(SQLiteError) -> Bool {
        let statement = try self.statement(sql)
        defer { _ = self.library.reset(statement) }
        for (index, value) in values.enumerated() {
            try self.bind(value, at: Int32(index + 1), of: statement)
        }
        var hasRow = false
        while true {
            switch self.library.step(statement) {
            case SQLiteLibrary.row: hasRow = true
            case SQLiteLibrary.done: return hasRow
            default: throw self.failure
            }
        }
    }

    private func statement(_ sql: String) throws(SQLiteError) -> SQLiteLibrary.Statement {
        if let known = self.statements[sql] { return known }
        var prepared: SQLiteLibrary.Statement?
        try self.check(self.library.prepare(self.database, sql, -1, &prepared, nil))
        guard let prepared else { throw SQLiteError(description: "an empty statement") }
        self.statements[sql] = prepared
        return prepared
    }

    private func bind(
        _ value: Value, at index: Int32, of statement: SQLiteLibrary.Statement
    ) throws(SQLiteError) {
        switch value {
        case .integer(let integer):
            try self.check(self.library.bindInteger(statement, index, integer))
        case .text(let text):
            // SQLite copies the text before the call returns.
            let copied = UnsafeMutableRawPointer(bitPattern: -1)
            try self.check(
                self.library.bindText(statement, index, text, Int32(text.utf8.count), copied))
        }
    }

    private func check(_ result: Int32) throws(SQLiteError) {
        if result != SQLiteLibrary.ok { throw self.failure }
    }

    private var failure: SQLiteError {
        let message = self.library.errorMessage(self.database).map { String(cString: $0) }
        return SQLiteError(description: message ?? "SQLite does not say what failed")
    }
}
