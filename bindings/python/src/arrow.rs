//! Rows as Arrow arrays, through the C data interface: two structs with release callbacks, in capsules. The arrays
//! point into the shared memory of the rows; nothing is copied.
#![allow(
    unsafe_code,
    reason = "the Arrow C data interface is made of C structs"
)]
#![allow(non_camel_case_types, reason = "the names of the interface")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ops::Range;
use std::ptr::{null, null_mut};
use std::sync::Arc;

use pyo3::exceptions::PyBufferError;
use pyo3::ffi as py_ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList, PyTuple};

use crate::message::Message;
use crate::rows::{Column, Rows};

const NULLABLE: i64 = 2;

#[repr(C)]
struct ArrowSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut ArrowSchema,
    dictionary: *mut ArrowSchema,
    release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    private_data: *mut c_void,
}

#[repr(C)]
struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut c_void,
}

#[repr(C)]
struct ArrowArrayStream {
    get_schema: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut ArrowArrayStream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut ArrowArrayStream)>,
    private_data: *mut c_void,
}

// ---- schema ---------------------------------------------------------------------------------------------------------

/// What a schema's pointers point to.
struct SchemaParts {
    _format: CString,
    _name: CString,
    children: Vec<*mut ArrowSchema>,
    dictionary: *mut ArrowSchema,
}

fn field(
    format: &CStr,
    name: &CStr,
    flags: i64,
    children: Vec<ArrowSchema>,
    dictionary: Option<ArrowSchema>,
) -> ArrowSchema {
    let mut parts = Box::new(SchemaParts {
        _format: format.to_owned(),
        _name: name.to_owned(),
        children: children
            .into_iter()
            .map(|child| Box::into_raw(Box::new(child)))
            .collect(),
        dictionary: dictionary.map_or(null_mut(), |schema| Box::into_raw(Box::new(schema))),
    });
    ArrowSchema {
        format: parts._format.as_ptr(),
        name: parts._name.as_ptr(),
        metadata: null(),
        flags,
        n_children: parts.children.len() as i64,
        children: parts.children.as_mut_ptr(),
        dictionary: parts.dictionary,
        release: Some(release_schema),
        private_data: Box::into_raw(parts).cast(),
    }
}

unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: the consumer passes a schema of ours that was not released, once. A child may have been moved away:
    // then its `release` is None.
    unsafe {
        let schema = &mut *schema;
        let parts = Box::from_raw(schema.private_data.cast::<SchemaParts>());
        for child in parts.children.iter().copied().chain([parts.dictionary]) {
            if !child.is_null() {
                let mut child = Box::from_raw(child);
                if let Some(release) = child.release {
                    release(&mut *child);
                }
            }
        }
        schema.release = None;
    }
}

fn schema() -> ArrowSchema {
    let plain = |format, name| field(format, name, 0, Vec::new(), None);
    let optional = |format, name| field(format, name, NULLABLE, Vec::new(), None);
    let header = field(
        c"+s",
        c"item",
        0,
        vec![plain(c"U", c"key"), optional(c"Z", c"value")],
        None,
    );
    let columns = vec![
        field(c"i", c"topic", 0, Vec::new(), Some(plain(c"U", c""))),
        plain(c"i", c"partition"),
        plain(c"l", c"offset"),
        optional(c"tsm:UTC", c"timestamp"),
        plain(c"c", c"timestamp_type"),
        optional(c"Z", c"key"),
        optional(c"Z", c"value"),
        field(c"+l", c"headers", 0, vec![header], None),
    ];
    field(c"+s", c"", 0, columns, None)
}

// ---- array ----------------------------------------------------------------------------------------------------------

/// What an array's pointers point to.
struct ArrayParts {
    _rows: Arc<Rows>,
    _bitmap: Option<Vec<u8>>,
    buffers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
    dictionary: *mut ArrowArray,
}

/// The description of one array, whose buffers lie in `rows`.
struct Plan<'a> {
    rows: &'a Arc<Rows>,
    range: Range<usize>,
    nulls: i64,
    buffers: Vec<*const c_void>,
    bitmap: Option<Vec<u8>>,
    children: Vec<ArrowArray>,
    dictionary: Option<ArrowArray>,
}

impl<'a> Plan<'a> {
    fn new(rows: &'a Arc<Rows>, range: Range<usize>, buffers: Vec<*const c_void>) -> Self {
        Self {
            rows,
            range,
            nulls: 0,
            buffers,
            bitmap: None,
            children: Vec::new(),
            dictionary: None,
        }
    }

    fn fixed<T>(rows: &'a Arc<Rows>, range: Range<usize>, values: &[T]) -> ArrowArray {
        Self::new(rows, range, vec![null(), values.as_ptr().cast()]).build()
    }

    fn variable(rows: &'a Arc<Rows>, range: Range<usize>, column: &Column) -> ArrowArray {
        let validity = column.validity();
        let mut plan = Self::new(
            rows,
            range,
            vec![
                validity.map_or(null(), |bits| bits.as_ptr().cast()),
                column.offsets.as_ptr().cast(),
                column.data.as_ptr().cast(),
            ],
        );
        // -1 = whoever wants to know counts.
        plan.nulls = if validity.is_some() { -1 } else { 0 };
        plan.build()
    }

    fn build(self) -> ArrowArray {
        let boxed = |array: ArrowArray| Box::into_raw(Box::new(array));
        let mut parts = Box::new(ArrayParts {
            _rows: Arc::clone(self.rows),
            _bitmap: self.bitmap,
            buffers: self.buffers,
            children: self.children.into_iter().map(boxed).collect(),
            dictionary: self.dictionary.map_or(null_mut(), boxed),
        });
        ArrowArray {
            length: self.range.len() as i64,
            null_count: self.nulls,
            offset: self.range.start as i64,
            n_buffers: parts.buffers.len() as i64,
            n_children: parts.children.len() as i64,
            buffers: parts.buffers.as_mut_ptr(),
            children: parts.children.as_mut_ptr(),
            dictionary: parts.dictionary,
            release: Some(release_array),
            private_data: Box::into_raw(parts).cast(),
        }
    }
}

unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: as for `release_schema`.
    unsafe {
        let array = &mut *array;
        let parts = Box::from_raw(array.private_data.cast::<ArrayParts>());
        for child in parts.children.iter().copied().chain([parts.dictionary]) {
            if !child.is_null() {
                let mut child = Box::from_raw(child);
                if let Some(release) = child.release {
                    release(&mut *child);
                }
            }
        }
        array.release = None;
    }
}

/// -1 is no time: null to Arrow.
fn timestamps(rows: &Arc<Rows>, range: Range<usize>) -> ArrowArray {
    let times = &rows.timestamp;
    let nulls = times[range.clone()]
        .iter()
        .filter(|time| **time < 0)
        .count();
    let mut plan = Plan::new(rows, range, vec![null(), times.as_ptr().cast()]);
    if nulls > 0 {
        let mut bits = vec![0u8; times.len().div_ceil(8)];
        for (row, _) in times.iter().enumerate().filter(|(_, time)| **time >= 0) {
            bits[row / 8] |= 1 << (row % 8);
        }
        plan.buffers[0] = bits.as_ptr().cast();
        plan.bitmap = Some(bits);
        plan.nulls = nulls as i64;
    }
    plan.build()
}

fn array(rows: &Arc<Rows>, range: &Range<usize>) -> ArrowArray {
    let range = || range.clone();
    let mut topic = Plan::new(rows, range(), vec![null(), rows.topic.as_ptr().cast()]);
    let names = rows.topics.offsets.len().saturating_sub(1);
    topic.dictionary = Some(Plan::variable(rows, 0..names, &rows.topics));
    let header_count = rows.header_key.offsets.len().saturating_sub(1);
    let mut header = Plan::new(rows, 0..header_count, vec![null()]);
    header.children = vec![
        Plan::variable(rows, 0..header_count, &rows.header_key),
        Plan::variable(rows, 0..header_count, &rows.header_value),
    ];
    let header = header.build();
    let mut headers = Plan::new(
        rows,
        range(),
        vec![null(), rows.header_start.as_ptr().cast()],
    );
    headers.children = vec![header];
    let columns = vec![
        topic.build(),
        Plan::fixed(rows, range(), &rows.partition),
        Plan::fixed(rows, range(), &rows.offset),
        timestamps(rows, range()),
        Plan::fixed(rows, range(), &rows.timestamp_type),
        Plan::variable(rows, range(), &rows.key),
        Plan::variable(rows, range(), &rows.value),
        headers.build(),
    ];
    // A record batch starts at 0; its columns know where they start.
    let mut all = Plan::new(rows, 0..range().len(), vec![null()]);
    all.children = columns;
    all.build()
}

// ---- capsules -------------------------------------------------------------------------------------------------------

/// A struct of the interface that frees itself, if nobody took it over, with its capsule.
trait Releasable {
    fn release(&mut self);
}

macro_rules! releasable {
    ($($name:ident),*) => {$(
        impl Releasable for $name {
            fn release(&mut self) {
                if let Some(release) = self.release {
                    // SAFETY: not released, and not moved: then `release` would be None.
                    unsafe { release(self) }
                }
            }
        }
    )*};
}
releasable!(ArrowSchema, ArrowArray, ArrowArrayStream);

fn capsule<'py, T: Releasable>(
    py: Python<'py>,
    value: T,
    name: &'static CStr,
) -> PyResult<Bound<'py, PyAny>> {
    unsafe extern "C" fn destroy<T: Releasable>(capsule: *mut py_ffi::PyObject) {
        // SAFETY: the capsule was made below, with a boxed T under the name that it tells.
        unsafe {
            let name = py_ffi::PyCapsule_GetName(capsule);
            let value = py_ffi::PyCapsule_GetPointer(capsule, name).cast::<T>();
            if !value.is_null() {
                Box::from_raw(value).release();
            }
        }
    }
    let value = Box::into_raw(Box::new(value));
    // SAFETY: a live pointer, a static name, and a destructor that fits both.
    unsafe {
        let object = py_ffi::PyCapsule_New(value.cast(), name.as_ptr(), Some(destroy::<T>));
        if object.is_null() {
            Box::from_raw(value).release();
        }
        Bound::from_owned_ptr_or_err(py, object)
    }
}

/// A stream of one batch, or of none.
struct Stream {
    batch: Option<(Arc<Rows>, Range<usize>)>,
}

unsafe extern "C" fn stream_schema(_: *mut ArrowArrayStream, out: *mut ArrowSchema) -> c_int {
    // SAFETY: the consumer passes a place for the schema.
    unsafe { out.write(schema()) };
    0
}

unsafe extern "C" fn stream_next(stream: *mut ArrowArrayStream, out: *mut ArrowArray) -> c_int {
    // SAFETY: the consumer passes a stream of ours that was not released, and a place for the array. An array whose
    // `release` is None is the end.
    unsafe {
        let stream = &mut *(*stream).private_data.cast::<Stream>();
        match stream.batch.take() {
            Some((rows, range)) => out.write(array(&rows, &range)),
            None => out.write_bytes(0, 1),
        }
    }
    0
}

unsafe extern "C" fn stream_error(_: *mut ArrowArrayStream) -> *const c_char {
    null()
}

unsafe extern "C" fn release_stream(stream: *mut ArrowArrayStream) {
    // SAFETY: as for `release_schema`.
    unsafe {
        drop(Box::from_raw((*stream).private_data.cast::<Stream>()));
        (*stream).release = None;
    }
}

// ---- what Python sees -----------------------------------------------------------------------------------------------

/// Messages in columns, as consume_arrow() gives them.
///
/// `pyarrow.record_batch(rows)`, `polars.DataFrame(rows)`, and in duckdb `FROM rows` read it without a copy.
#[pyclass(frozen, module = "kafka_rs", name = "ArrowRows", weakref)]
pub struct ArrowRows {
    rows: Arc<Rows>,
    range: Range<usize>,
    errors: Py<PyList>,
}

impl ArrowRows {
    pub fn new(rows: Arc<Rows>, range: Range<usize>, errors: Py<PyList>) -> Self {
        Self {
            rows,
            range,
            errors,
        }
    }

    fn view<'py>(&self, py: Python<'py>, column: Numbers) -> PyResult<Bound<'py, PyAny>> {
        let view = View {
            rows: Arc::clone(&self.rows),
            range: self.range.clone(),
            column,
        };
        let view = Bound::new(py, view)?;
        Ok(pyo3::types::PyMemoryView::from(view.as_any())?.into_any())
    }
}

#[pymethods]
impl ArrowRows {
    fn __len__(&self) -> usize {
        self.range.len()
    }

    /// Message number `index`, with all methods of Message.
    fn __getitem__(&self, index: isize) -> PyResult<Message> {
        let count = self.range.len() as isize;
        let at = if index < 0 { index + count } else { index };
        if !(0..count).contains(&at) {
            return Err(pyo3::exceptions::PyIndexError::new_err(
                "index out of range",
            ));
        }
        let row = self.range.start + at as usize;
        Ok(Message::received(Arc::clone(&self.rows), row))
    }

    /// What came before the messages and is none: errors of partitions, and their ends.
    #[getter]
    fn errors(&self, py: Python<'_>) -> Py<PyList> {
        self.errors.clone_ref(py)
    }

    /// Offsets, int64, without a copy: `numpy.asarray(rows.offsets)`.
    #[getter]
    fn offsets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.view(py, Numbers::Offset)
    }

    /// Partitions, int32, without a copy.
    #[getter]
    fn partitions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.view(py, Numbers::Partition)
    }

    /// Milliseconds since the epoch, int64, -1 = none, without a copy.
    #[getter]
    fn timestamps<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.view(py, Numbers::Timestamp)
    }

    /// For each partition the offset after its last row, as (topic, partition, offset): what to commit.
    fn positions<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let mut last: Vec<(u32, i32, usize)> = Vec::new();
        for row in self.range.clone() {
            let at = (self.rows.topic[row], self.rows.partition[row]);
            match last.iter_mut().find(|known| (known.0, known.1) == at) {
                Some(known) => known.2 = row,
                None => last.push((at.0, at.1, row)),
            }
        }
        let all = last.into_iter().map(|(_, partition, row)| {
            (
                self.rows.topic_name(py, row),
                partition,
                self.rows.offset[row] + 1,
            )
                .into_pyobject(py)
        });
        all.collect()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        capsule(py, schema(), c"arrow_schema")
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        // Another schema is a wish, which the interface allows us not to grant.
        drop(requested_schema);
        Ok((
            capsule(py, schema(), c"arrow_schema")?,
            capsule(py, array(&self.rows, &self.range), c"arrow_array")?,
        ))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        drop(requested_schema);
        let stream = Box::new(Stream {
            batch: Some((Arc::clone(&self.rows), self.range.clone())),
        });
        let stream = ArrowArrayStream {
            get_schema: Some(stream_schema),
            get_next: Some(stream_next),
            get_last_error: Some(stream_error),
            release: Some(release_stream),
            private_data: Box::into_raw(stream).cast(),
        };
        capsule(py, stream, c"arrow_array_stream")
    }

    fn __repr__(&self) -> String {
        format!("<ArrowRows of {} messages>", self.range.len())
    }
}

#[derive(Clone, Copy)]
enum Numbers {
    Partition,
    Offset,
    Timestamp,
}

/// A column of numbers with Python's buffer protocol.
#[pyclass(frozen, module = "kafka_rs._native")]
struct View {
    rows: Arc<Rows>,
    range: Range<usize>,
    column: Numbers,
}

#[pymethods]
impl View {
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut py_ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        if flags & py_ffi::PyBUF_WRITABLE == py_ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("columns are read-only"));
        }
        let this = slf.get();
        let range = this.range.clone();
        let (pointer, size, format): (*const c_void, usize, &'static CStr) = match this.column {
            Numbers::Partition => (this.rows.partition[range].as_ptr().cast(), 4, c"i"),
            Numbers::Offset => (this.rows.offset[range].as_ptr().cast(), 8, c"q"),
            Numbers::Timestamp => (this.rows.timestamp[range].as_ptr().cast(), 8, c"q"),
        };
        let count = this.range.len();
        // What shape and strides point to lives until the buffer is released.
        let dims = Box::into_raw(Box::new([count as isize, size as isize]));
        // SAFETY: Python passes a place for the buffer; the object keeps the memory alive.
        unsafe {
            let view = &mut *view;
            view.buf = pointer.cast_mut();
            view.len = (count * size) as isize;
            view.itemsize = size as isize;
            view.readonly = 1;
            view.ndim = 1;
            view.format = if flags & py_ffi::PyBUF_FORMAT == py_ffi::PyBUF_FORMAT {
                format.as_ptr().cast_mut()
            } else {
                null_mut()
            };
            view.shape = dims.cast();
            view.strides = dims.cast::<isize>().add(1);
            view.suboffsets = null_mut();
            view.internal = dims.cast();
            view.obj = slf.into_any().into_ptr();
        }
        Ok(())
    }

    unsafe fn __releasebuffer__(&self, view: *mut py_ffi::Py_buffer) {
        // SAFETY: made by __getbuffer__, released once.
        unsafe { drop(Box::from_raw((*view).internal.cast::<[isize; 2]>())) };
    }
}
