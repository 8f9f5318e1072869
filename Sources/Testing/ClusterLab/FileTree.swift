import Foundation

enum FileTree {
    /// Deletes the directory with all in it; one that is not there is as good as deleted.
    static func delete(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw LabError.failed("cannot delete \(path): \(error)")
        }
    }
}
