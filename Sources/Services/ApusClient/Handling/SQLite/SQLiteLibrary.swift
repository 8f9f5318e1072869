#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The functions of the machine's SQLite that are needed here, looked up when they are first
/// wanted: a program that does not want them is built and run without SQLite.
///
/// Their signatures are those of the C interface, which SQLite promises to keep.
struct SQLiteLibrary: Sendable {
    typealias Database = OpaquePointer
    typealias Statement = OpaquePointer
    typealias Text = UnsafePointer<CChar>

    let open: @convention(c) (Text, UnsafeMutablePointer<Database?>, Int32, Text?) -> Int32
    let close: @convention(c) (Database) -> Int32
    let busyTimeout: @convention(c) (Database, Int32) -> Int32
    let errorMessage: @convention(c) (Database) -> Text?
    let prepare:
        @convention(c) (
            Database, Text, Int32, UnsafeMutablePointer<Statement?>, UnsafeMutablePointer<Text?>?
        ) -> Int32
    let bindText: @convention(c) (Statement, Int32, Text, Int32, UnsafeMutableRawPointer?) -> Int32
    let bindInteger: @convention(c) (Statement, Int32, Int64) -> Int32
    let step: @convention(c) (Statement) -> Int32
    let reset: @convention(c) (Statement) -> Int32
    let finalize: @convention(c) (Statement) -> Int32

    // Result codes and flags of the C interface.
    static let ok = Int32(0)
    static let row = Int32(100)
    static let done = Int32(101)
    /// Read and write, made if it is not there, with no lock of its own: one queue has it.
    static let openFlags = Int32(0x2 | 0x4 | 0x8000)

    static let shared = Result { () throws(SQLiteError) in try SQLiteLibrary() }

    private static let names = ["libsqlite3.so.0", "libsqlite3.so", "libsqlite3.dylib"]

    private init() throws(SQLiteError) {
        guard let library = Self.names.lazy.compactMap({ dlopen($0, RTLD_NOW) }).first else {
            throw SQLiteError(
                description: "this machine has no SQLite library (Debian: libsqlite3-0)")
        }
        func find<Function>(_ name: String, _: Function.Type) throws(SQLiteError) -> Function {
            guard let symbol = dlsym(library, name) else {
                throw SQLiteError(description: "the machine's SQLite has no \(name)")
            }
            // A symbol is a C function's address; its type is what SQLite's stable interface declares.
            return unsafeBitCast(symbol, to: Function.self)
        }
        self.open = try find(
            "sqlite3_open_v2",
            (@convention(c) (Text, UnsafeMutablePointer<Database?>, Int32, Text?) -> Int32).self)
        self.close = try find("sqlite3_close_v2", (@convention(c) (Database) -> Int32).self)
        self.busyTimeout = try find(
            "sqlite3_busy_timeout", (@convention(c) (Database, Int32) -> Int32).self)
        self.errorMessage = try find(
            "sqlite3_errmsg", (@convention(c) (Database) -> Text?).self)
        self.prepare = try find(
            "sqlite3_prepare_v2",
            (@convention(c) (
                Database, Text, Int32, UnsafeMutablePointer<Statement?>,
                UnsafeMutablePointer<Text?>?
            ) -> Int32).self)
        self.bindText = try find(
            "sqlite3_bind_text",
            (@convention(c) (Statement, Int32, Text, Int32, UnsafeMutableRawPointer?) -> Int32)
                .self)
        self.bindInteger = try find(
            "sqlite3_bind_int64", (@convention(c) (Statement, Int32, Int64) -> Int32).self)
        self.step = try find("sqlite3_step", (@convention(c) (Statement) -> Int32).self)
        self.reset = try find("sqlite3_reset", (@convention(c) (Statement) -> Int32).self)
        self.finalize = try find("sqlite3_finalize", (@convention(c) (Statement) -> Int32).self)
    }
}

/// What SQLite could not do, in its own words.
struct SQLiteError: Error, Sendable, CustomStringConvertible {
    var description: String
}
